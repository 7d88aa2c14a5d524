"""Two processes never write one run."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from qtopt_agent.cli.main import app
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.processes.folder_lock import one_process

HOLDS = """
import sys, time
from pathlib import Path
from qtopt_agent.processes.folder_lock import one_process
with one_process(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_folder_is_held_by_one_process_until_that_ends_or_is_killed(tmp_path):
    holder = subprocess.Popen([sys.executable, "-c", HOLDS, str(tmp_path)], stdout=subprocess.PIPE)
    assert holder.stdout.readline()
    with pytest.raises(InvalidInput, match="in use by another process"), one_process(tmp_path):
        pass
    holder.kill()
    holder.wait()
    with one_process(tmp_path):
        pass
    with one_process(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


def test_a_second_training_of_a_run_is_refused_before_it_changes_anything(tmp_path):
    with one_process(tmp_path):
        for more in ([], ["--resume"]):
            result = CliRunner().invoke(app, ["train", "--preset", "lowdim", "--out", str(tmp_path), *more])
            assert result.exit_code == 2
            assert "in use by another process" in result.output
    assert not list(tmp_path.iterdir())


def test_a_resume_of_what_is_not_there_makes_no_folder(tmp_path):
    result = CliRunner().invoke(app, ["train", "--out", str(tmp_path / "typo"), "--resume"])
    assert result.exit_code == 2
    assert "there is no folder" in result.output
    assert not (tmp_path / "typo").exists()
