"""The command line starts fast and turns errors into text and exit codes."""

import re
import subprocess
import sys
from importlib.metadata import version

import pytest
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
    heavy = ("torch", "mujoco", "gymnasium", "cv2", "mcap", "rosbags", "tensorboard", "yaml", "trimesh", "numpy")
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


@pytest.mark.parametrize("arguments", [["collect"], ["collect", "--seed", "x"], ["colect"], ["launch"], ["--no"]])
def test_a_wrong_command_line_is_told_in_one_line_that_says_where_to_look(arguments):
    result = runner.invoke(app, arguments)
    assert result.exit_code == 2 and result.stdout == ""
    assert re.fullmatch(r"error: .* \(see qtopt.* --help\)\n", result.stderr)


@pytest.mark.parametrize("value", ["x", "-1", "1.5", ""])
def test_a_value_that_is_refused_is_named(value):
    result = runner.invoke(app, ["collect", "--out", "new", f"--seed={value}"])
    assert result.exit_code == 2 and "'--seed'" in result.stderr and repr(value) in result.stderr


@pytest.mark.parametrize("arguments", [[], ["models"], ["episodes"], ["bench"]])
def test_without_a_command_there_is_help(arguments):
    result = runner.invoke(app, arguments)
    assert result.exit_code == 2 and result.stderr.startswith("Usage: ")


def test_the_version_is_told():
    result = runner.invoke(app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"qtopt {version('qtopt_agent')}\n")


def test_shells_get_completion():
    environment = {"_QTOPT_COMPLETE": "complete_bash", "COMP_WORDS": "qtopt e", "COMP_CWORD": "1"}
    result = runner.invoke(app, [], prog_name="qtopt", env=environment)
    assert result.stdout.split() == ["evaluate", "export", "episodes"]
