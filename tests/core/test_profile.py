"""The published numbers of the paper's profile, and what all profiles share."""

import subprocess
import sys

import pytest

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.profile import PAPER, PROFILES, get_profile


def test_the_paper_profile_has_the_published_numbers():
    # Kalashnikov et al. 2018 (arXiv 1806.10293), section 4 and appendix.
    assert PAPER.observation.image_size == (472, 472)
    assert PAPER.observation.state_size + PAPER.action_space.size == 10
    assert (PAPER.max_steps, PAPER.step_cost, PAPER.discount, PAPER.success_reward) == (20, 0.05, 0.9, 1.0)
    assert PAPER.camera == "shoulder"


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda p: p.name)
def test_success_counts_on_the_last_step_only(profile):
    assert profile.reward(last=True, success=True) == profile.success_reward
    assert profile.reward(last=True, success=False) == 0
    assert profile.reward(last=False, success=True) == -profile.step_cost


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_is_found_by_its_name(name):
    assert get_profile(name).name == name


def test_an_unknown_profile_names_those_there_are():
    with pytest.raises(InvalidInput, match="unknown profile 'big', expected one of paper, compact, lowdim"):
        get_profile("big")


def test_core_imports_numpy_and_nothing_else():
    program = (
        "import sys, pkgutil, importlib, qtopt_agent.core as core, numpy.random, numpy.typing\n"
        "before = {name.split('.')[0] for name in sys.modules}\n"
        "[importlib.import_module(f'qtopt_agent.core.{m.name}') for m in pkgutil.iter_modules(core.__path__)]\n"
        "after = {name.split('.')[0] for name in sys.modules} - before - set(sys.stdlib_module_names)\n"
        "print(sorted(after))"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"
