"""qtopt bench decide."""

import json

from typer.testing import CliRunner

from qtopt_agent.cli.main import app

runner = CliRunner()


def test_rows_cover_every_method_thread_count_and_batch(tmp_path):
    file = tmp_path / "out.json"
    options = ["--profiles", "compact", "--threads", "1", "--seconds", "0.01", "--json", str(file)]
    result = runner.invoke(app, ["bench", "decide", *options])
    assert result.exit_code == 0, result.stderr
    rows = json.loads(file.read_text())
    methods = ["torchscript", "torchscript-bf16", "eager-loop", "per-sample"]
    assert [r["method"] for r in rows] == 2 * methods
    assert [r["batch"] for r in rows] == [1, 1, 1, 1, 8, 8, 8, 1]
    for row in rows:
        assert (row["profile"], row["threads"]) == ("compact", 1)
        assert 0 < row["p50_ms"] <= row["p99_ms"]
        assert row["calls"] >= 3
    assert all(method in result.stdout for method in methods)


def test_unknown_profile_is_bad_input():
    result = runner.invoke(app, ["bench", "decide", "--profiles", "compact,huge"])
    assert result.exit_code == 2 and "unknown profile 'huge'" in result.stderr
