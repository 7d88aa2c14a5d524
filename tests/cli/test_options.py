"""Bad input to any command: a clear line that names it, exit code 2, nothing written."""

import pytest
from typer.testing import CliRunner

from qtopt_agent.cli.main import app

runner = CliRunner()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("collect --out {tmp}/new --profile no-such", "unknown profile 'no-such'"),
        ("collect --out {tmp}/new --objects no-such", "objects 'no-such': expected train"),
        ("collect --out {tmp}/new --clutter 9", "clutter is '9'"),
        ("collect --out {tmp}/new --policy {tmp}/no-such", "no-such is not a model"),
        ("evaluate --model {tmp}/no-such", "no-such is not a model"),
        ("evaluate --model {tmp}", "not a model"),
        ("demo --out {tmp}/new --model {tmp}", "not a model"),
        ("models list {tmp}/no-such", "no folder of models"),
        ("models verify {tmp}", "not a model"),
        ("models describe --profile no-such", "unknown profile 'no-such'"),
        ("export --run {tmp}/no-such --version v", "no-such"),
        ("train --out {tmp}/new --preset no-such", "no-such"),
        ("episodes list {tmp}/no-such", "no-such"),
    ],
)
def test_bad_input_is_named_and_nothing_is_written(arguments, complaint, tmp_path):
    (tmp_path / "kept").touch()
    result = runner.invoke(app, arguments.format(tmp=tmp_path).split())
    assert result.exit_code == 2, result.output
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert complaint in lines[0]
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


@pytest.mark.parametrize(
    "arguments",
    [
        "collect --out {tmp}/new --episodes 0",
        "collect --out {tmp}/new --seed -1",
        "collect",
        "evaluate --episodes 10",
        "evaluate --model {tmp} --episodes many",
        "bench simulate --seconds 0",
        "no-such-command",
    ],
)
def test_an_option_out_of_range_or_missing_is_refused(arguments, tmp_path):
    result = runner.invoke(app, arguments.format(tmp=tmp_path).split())
    assert result.exit_code == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "arguments",
    [
        "evaluate --model=~/no-such",
        "collect --out={tmp} --objects=~/no-such",
        "train --out={tmp} --preset=~/no-such.yaml",
        "launch grasp simulator:=mujoco params:=~/no-such.yaml",
        "launch replay episode:=~/no-such",
    ],
)
def test_a_path_may_begin_with_the_home_folder_as_it_is_written(arguments, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    result = runner.invoke(app, arguments.format(tmp=tmp_path).split())
    assert result.exit_code == 2
    assert str(tmp_path / "home/no-such") in result.stderr
    assert "~" not in result.stderr
