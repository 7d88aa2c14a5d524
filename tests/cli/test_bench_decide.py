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
    methods = ["scripted", "scripted-bf16", "eager-loop", "per-sample"]
    assert [(r["batch"], r["method"]) for r in rows] == [(batch, method) for batch in (1, 8) for method in methods]
    for row in rows:
        assert (row["profile"], row["threads"]) == ("compact", 1)
        assert 0 < row["p50_ms"] <= row["p99_ms"]
        assert row["calls"] >= 3
    assert all(method in result.stdout for method in methods)


def test_unknown_profile_is_bad_input():
    result = runner.invoke(app, ["bench", "decide", "--profiles", "compact,huge"])
    assert result.exit_code == 2 and "unknown profile 'huge'" in result.stderr
