"""What every command has in common: plain help, described numbers, --json for its result."""

import pytest
from typer.testing import CliRunner

from qtopt_agent.cli.main import app

from .commands import COMMANDS, ROOT

WITHOUT_RESULT = {("launch",), ("teleop",)}  # nodes of launch write theirs: result:=FILE; labels go to the logger
GROUPS = [(name,) for name, command in ROOT.commands.items() if hasattr(command, "commands")]


@pytest.mark.parametrize("words", [(), *GROUPS, *COMMANDS], ids=" ".join)
def test_help_is_ascii_of_80_columns_and_leaves_nothing_out(words, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    shown = CliRunner(charset="ascii").invoke(app, [*words, "--help"])
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.startswith("Usage: ") and shown.stdout.isascii()
    lines = shown.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert not [line for line in lines[1:] if line.endswith("...")]  # after the usage, that would be text cut short


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_number_tells_its_default_and_its_range(words):
    context = COMMANDS[words].make_context("qtopt", [], resilient_parsing=True)
    records = [record for each in COMMANDS[words].params if (record := each.get_help_record(context))]
    for option, text in records:
        if "<int" in option or "<float" in option or "[int]" in option:
            assert ("default: " in text and "x>=" in text) or "<=x<=" in text, (option, text)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_results_are_to_be_had_as_json(words):
    options = {name for parameter in COMMANDS[words].params for name in parameter.opts}
    assert ("--json" in options) != (words in WITHOUT_RESULT)
