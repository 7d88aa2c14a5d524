"""Whatever a model does in its trial, the one that tries it is told in words and goes on."""

import sys
import time
from pathlib import Path

import pytest

from qtopt_agent.core.errors import IncompatibleModel
from qtopt_agent.core.profile import COMPACT
from qtopt_agent.models.trial import Trial, TrialAbandoned

FOLDER = Path("models/x")


def tried(code, limit=20.0, **options):
    Trial(limit, (sys.executable, "-c", code)).run(FOLDER, COMPACT, **options)


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
            r"models/x: its trial was ended by signal 11 \(Segm",
        ),
        ("import os; os.abort()", "its trial was ended by signal 6"),
        ("raise ValueError('odd')", "its trial failed with exit code 1: .*ValueError: odd$"),
        ("import sys; print('it is odd'); sys.exit(2)", "^it is odd$"),
    ],
)
def test_the_end_of_a_trial_is_told(code, complaint):
    with pytest.raises(IncompatibleModel, match=complaint):
        tried(code)


@pytest.mark.parametrize("code", ["while True: pass", "while True: print('x' * 1000)", "import time; time.sleep(60)"])
def test_a_trial_that_does_not_end_is_ended(code):
    with pytest.raises(IncompatibleModel, match="took too long"):
        tried(code, limit=0.5)


def test_a_trial_that_cannot_begin_is_no_trial_passed():
    with pytest.raises(IncompatibleModel, match="its trial cannot begin: No such file"):
        Trial(1.0, ("/nowhere/python",)).run(FOLDER, COMPACT)


def test_what_a_trial_says_cannot_command_a_terminal():
    with pytest.raises(IncompatibleModel) as refused:
        tried("import sys; print('\\x1b]0;owned\\x07\\x1b[2J' * 10000); sys.exit(2)", limit=0.5)
    assert str(refused.value).isprintable()
    with pytest.raises(IncompatibleModel) as refused:
        tried("import sys; print('\\x1b[2J' + 'a\\nb'); sys.exit(2)")
    assert str(refused.value) == "\\x1b[2Ja b"


def test_a_trial_has_little_more_memory_than_its_libraries_take():
    with pytest.raises(IncompatibleModel, match="MemoryError"):
        tried("from qtopt_agent.models.trial import bound; bound(20); bytearray(10**10)")


def test_a_trial_whose_parent_was_killed_ends_by_itself():
    with pytest.raises(IncompatibleModel, match="ended by signal 14"):
        tried("from qtopt_agent.models.trial import bound; import time; bound(0); time.sleep(60)")


def test_a_trial_is_given_up_as_soon_as_that_is_asked_for():
    began = time.monotonic()
    with pytest.raises(TrialAbandoned):
        tried("import time; time.sleep(60)", abandoned=lambda: True)
    assert time.monotonic() - began < 30


def test_a_model_that_is_refused_says_why_and_who_is_trusted_is_known(model):
    with pytest.raises(IncompatibleModel, match="is not signed"):
        Trial().run(model, COMPACT, {"ssh-ed25519 AAAA": "lab"})
