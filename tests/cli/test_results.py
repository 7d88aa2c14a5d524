"""Results as tables and as JSON, on whatever terminal and for whatever program."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from qtopt_agent.cli.main import app
from qtopt_agent.cli.results import print_table, printed_as_json
from qtopt_agent.core.printable import printable

runner = CliRunner()
LONG = "a-name-" * 20


def test_json_in_a_file_leaves_the_text_where_it_was(tmp_path):
    file = tmp_path / "new" / "folder" / "network.json"
    shown = runner.invoke(app, ["models", "describe", "--json", str(file)])
    assert shown.exit_code == 0 and "image_layer" in shown.stdout
    assert json.loads(file.read_text())["profile"] == "compact"


def test_json_to_standard_output_is_all_that_is_printed_there():
    shown = runner.invoke(app, ["models", "describe", "--json", "-"])
    assert json.loads(shown.stdout)["profile"] == "compact"


def test_numbers_that_json_does_not_know_become_null(capsys):
    assert printed_as_json(Path("-"), {"a": [float("nan"), 1.5], "b": float("inf")})
    assert json.loads(capsys.readouterr().out) == {"a": [None, 1.5], "b": None}


@pytest.mark.parametrize("place", ["", "a-file/x.json", "."])
def test_a_file_that_cannot_be_written_is_refused_before_the_work(place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a-file").touch()
    shown = runner.invoke(app, ["bench", "simulate", "--seconds", "3600", "--json", place])
    assert shown.exit_code == 2 and "cannot be written" in shown.stderr


def test_a_table_keeps_to_80_columns_and_leaves_nothing_out(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    print_table(["name", "objects", "number"], [[LONG, "x" * 200, "1,000"], ["short", "[red]", "-2.5"]], "title")
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    assert shown.isascii() and shown.count("x") == 200 and shown.count("a-name-") + shown.count("name") >= 20
    assert "".join(line[:40].strip() for line in shown.splitlines()[2:-1]) == LONG
    assert "[red]" in shown


def test_what_a_terminal_would_obey_is_escaped():
    assert printable("a\x1b[31mb\nc\u202ed\0é") == "a\\x1b[31mb c\\u202ed\\x00é"


@pytest.mark.parametrize("plain", [{"NO_COLOR": "1", "TERM": "xterm"}, {"TERM": "dumb"}, {"TERM": "xterm"}])
def test_colours_come_where_the_terminal_has_and_wants_them(plain):
    terminal, end = pty.openpty()
    command = [sys.executable, "-m", "qtopt_agent.cli.main", "--no-such"]
    subprocess.run(command, env={"PATH": "/usr/bin:/bin", **plain}, stdout=end, stderr=end)
    os.close(end)
    assert (b"\x1b[" in os.read(terminal, 4096)) == (plain == {"TERM": "xterm"})


def test_a_table_on_a_terminal_of_plain_ascii_has_escapes_for_the_rest():
    program = (
        "import sys; from qtopt_agent.cli import main, results\n"
        "main.app = lambda **_: results.print_table(['policy'], [['gr\\u00fcn']], 'gr\\u00fcn')\n"
        "main.main()"
    )
    plain = {"PYTHONIOENCODING": "ascii", "LANG": "C", "TERM": "dumb", "NO_COLOR": "1", "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", program], env=plain, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].strip() == "gr\\xfcn"
