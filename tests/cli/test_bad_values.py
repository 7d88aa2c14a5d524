"""Whatever is typed for any option of any command, bad input is refused in one line, before any work begins."""

import random
import re

import pytest
from typer.testing import CliRunner

from qtopt_agent.cli.main import app
from qtopt_agent.rollouts import parallel
from qtopt_agent.speed import decisions, simulation
from qtopt_agent.standalone import processes
from qtopt_agent.training.run import Training

from ..conftest import FUZZ
from .commands import COMMANDS, ROOT

NUMBERS = ("", " ", "x", "nan", "inf", "-inf", "-1", "1e999", "--1", "0x10", "1,5", "-" + "9" * 400, "-0.5", "1;2")
TEXTS = (
    *(" ", "no-such", "../no-such", "\x1b[31mred", "[red]", "a\nb", "%s{}", "é\u202e", "\udcff", "x" * 300, "a=b=c"),
    *("~no-one", "$HOME", "--", "*", "'\"`", "\\", "null", "nan", "1-", "-1-5", "7", "1-7", "1e9", "0", "0x0"),
)
UNWRITABLE = ("here", "here/x", "x" * 300, "/dev/null/x")
"""The file `here` is among them: as a folder, that is."""
TO_WRITE = {
    *("collect --out", "demo --out", "train --out", "export --store", "models keygen file"),
    *("cell new file", "cell check --out", "cell calibrate --out"),
}
GOOD = {
    **{"--out": "new", "--model": "compact-1", "model": "compact-1", "--run": "new", "--version": "v", "--key": "here"},
    **{"cell": "embedded", "photograph": "here", "folder": ".", "--store": ".", "store": ".", "outcome": "success"},
    **{"incumbent": "compact-1", "candidate": "compact-1"},
}
"""What is typed for the others that a command needs."""
LAUNCH = ("simulator", "arm", "model", "camera", "train", "grasps", "arm_on_start", "clutter", "seed", "speed", "clock")


class Begun(Exception):
    """Work has begun."""


@pytest.fixture
def idle(monkeypatch, tmp_path):
    """An empty folder to be in, and nothing to be done that takes long."""

    def begin(*arguments, **options):
        raise Begun

    (tmp_path / "here").touch()
    monkeypatch.setattr("typer.testing._get_command", lambda app: ROOT)  # made once, not for each of the inputs
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(parallel, "ProcessPoolExecutor", begin)
    monkeypatch.setattr(Training, "run", begin)
    monkeypatch.setattr(decisions, "measure_decisions", begin)
    monkeypatch.setattr(simulation, "measure_simulation", begin)
    monkeypatch.setattr(processes, "Processes", begin)


def bad_value(draw, words, parameter, kind):
    """A value that `parameter` of the command `words` cannot have."""
    name = parameter.opts[-1]
    if words == "launch":
        return draw.choice([text for text in TEXTS if not text[-1].isdigit()])
    if "<int" in kind or "<float" in kind or "[int]" in kind:
        return draw.choice(NUMBERS)
    if name == "--author":
        return draw.choice([text for text in TEXTS if not text.isprintable() or not text.strip() or len(text) > 200])
    if name == "--namespace":
        return draw.choice([text for text in TEXTS if not text.isidentifier()])
    if name == "--json":
        return draw.choice(UNWRITABLE[1:])
    return draw.choice(UNWRITABLE if f"{words} {name}" in TO_WRITE else TEXTS)


def test_bad_values_are_refused_in_one_line_before_any_work_begins(idle, tmp_path):
    cases = [(words, command, each) for words, command in COMMANDS.items() for each in command.params]
    draw, runner = random.Random(0), CliRunner()
    for number in range(FUZZ):
        path, command, parameter = cases[number % len(cases)]
        words, name = " ".join(path), parameter.opts[-1]
        context = command.make_context("qtopt", [], resilient_parsing=True)
        kind = (parameter.get_help_record(context) or ("",))[0]
        value = "maybe" if getattr(parameter, "is_flag", False) else bad_value(draw, words, parameter, kind)
        others = [each.opts[-1] for each in command.params if each.required and each is not parameter]
        typed = [f"{other}={GOOD[other]}" for other in others if other[0] == "-"]
        typed += [f"{name}={value}"] if name[0] == "-" else []
        typed += ["--", *(GOOD[other] for other in others if other in GOOD and other[0] != "-")]
        if words == "launch":
            typed += ["grasp"] if name == "arguments" else []
            value = f"{draw.choice(LAUNCH)}:={value}" if name == "arguments" else value
        typed += [value] if name[0] != "-" else []
        result = runner.invoke(app, [*path, *typed])
        assert isinstance(result.exception, SystemExit), (path, typed, result.exception)
        assert (result.exit_code, result.stdout) == (2, ""), (path, typed, result.output)
        assert re.fullmatch(r"error: [^\n]+\n", result.stderr) and result.stderr[:-1].isprintable(), (path, typed)
        assert [each.name for each in tmp_path.iterdir()] == ["here"], (path, typed)
