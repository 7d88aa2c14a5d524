"""The command line starts fast and turns errors into text and exit codes."""

import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from qtopt_agent.cli.main import app
from qtopt_agent.core.errors import InvalidInput

runner = CliRunner()


@pytest.fixture
def failing(monkeypatch):
    """An extra command of the real app that raises what it is given."""
    monkeypatch.setattr(app, "registered_commands", list(app.registered_commands))

    def register(error: BaseException) -> None:
        @app.command("fail")
        def fail() -> None:
            raise error

    return register


def test_help_imports_nothing_heavy():
    heavy = ("torch", "mujoco", "gymnasium", "cv2", "mcap", "rosbags", "tensorboard", "yaml", "numpy")
    program = (
        "import sys; from qtopt_agent.cli.main import app\n"
        "try: app(['--help'])\nexcept SystemExit: pass\n"
        f"print('loaded', [name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = done.stdout.splitlines()[-1]
    assert loaded in ("loaded []", "loaded ['numpy']")


def test_bad_input_is_one_line_on_stderr_and_exit_code_2(failing):
    failing(InvalidInput("profile is 'x', expected 'y'"))
    result = runner.invoke(app, ["fail"])
    assert result.exit_code == 2
    assert result.stderr.strip() == "error: profile is 'x', expected 'y'"
    assert result.stdout == ""


def test_a_full_disk_is_reported_like_bad_input(failing):
    failing(OSError(28, "No space left on device", "episodes/x.mcap"))
    result = runner.invoke(app, ["fail"])
    assert result.exit_code == 2
    assert "No space left on device: 'episodes/x.mcap'" in result.stderr


def test_ctrl_c_exits_with_130_and_says_so(failing):
    failing(KeyboardInterrupt())
    result = runner.invoke(app, ["fail"])
    assert result.exit_code == 130
    assert "stopped by Ctrl-C" in result.stderr


def test_a_mistake_in_the_program_is_not_dressed_up_as_bad_input(failing):
    failing(ZeroDivisionError())
    assert isinstance(runner.invoke(app, ["fail"]).exception, ZeroDivisionError)


def test_an_unknown_option_names_it():
    result = runner.invoke(app, ["--no-such-option"])
    assert result.exit_code == 2
    assert "--no-such-option" in result.output


def commands(group: typer.Typer, prefix: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    own = [(*prefix, c.name or c.callback.__name__) for c in group.registered_commands]
    return own + [c for g in group.registered_groups for c in commands(g.typer_instance, (*prefix, g.name))]


@pytest.mark.parametrize("command", commands(app), ids=" ".join)
def test_every_command_explains_itself(command):
    result = runner.invoke(app, [*command, "--help"])
    assert result.exit_code == 0
    assert "Usage: " in result.output
