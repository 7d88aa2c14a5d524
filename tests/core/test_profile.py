"""The published numbers of the paper's profile, what all profiles share, and what no profile may be."""

import subprocess
import sys
from dataclasses import replace
from math import inf, nan

import pytest

from qtopt_agent.core.action import ActionSpace
from qtopt_agent.core.cell import Camera, Cell
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.mirrors import MIRRORS
from qtopt_agent.core.observation import ObservationSpec
from qtopt_agent.core.profile import COMPACT, LOWDIM, PAPER, PROFILES, get_profile


def test_the_paper_profile_has_the_published_numbers():
    # Kalashnikov et al. 2018 (arXiv 1806.10293), section 4 and appendix.
    assert PAPER.observation.image_size == (472, 472)
    assert PAPER.observation.state_size + PAPER.action_space.size == 10
    assert (PAPER.max_steps, PAPER.step_cost, PAPER.discount, PAPER.success_reward) == (20, 0.05, 0.9, 1.0)
    camera = PAPER.cell.camera
    assert (camera.mount, camera.width, camera.height) == ("fixed", 640, 512)
    assert camera.crop == (84, 20, 472, 472)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda p: p.name)
def test_success_counts_on_the_last_step_only(profile):
    assert profile.reward(last=True, success=True) == profile.success_reward
    assert profile.reward(last=True, success=False) == 0
    assert profile.reward(last=False, success=True) == -profile.step_cost


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_is_found_by_its_name(name):
    assert get_profile(name).name == name


def test_an_unknown_profile_names_those_there_are():
    with pytest.raises(InvalidInput, match="unknown profile 'big', expected one of paper, compact, detailed, lowdim"):
        get_profile("big")


def test_a_profile_of_a_files_lists_and_whole_numbers_is_the_same():
    observation = ObservationSpec([32, 32], list(COMPACT.observation.state_names))
    actions = ActionSpace(list(COMPACT.action_space.low), list(COMPACT.action_space.high), [1], ["close"])
    assert replace(COMPACT, observation=observation, max_steps=20.0) == COMPACT
    assert actions == ActionSpace(COMPACT.action_space.low, COMPACT.action_space.high, (1.0,), ("close",))


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("name", "", "letters, digits"),
        ("name", "a/b", "letters, digits"),
        ("name", 7, "text"),
        ("network", None, "text"),
        ("max_steps", 0, "from 1 to 1,000,000"),
        ("max_steps", 2.5, "a whole number from 1"),
        ("step_cost", nan, "from 0 to 1"),
        ("step_cost", -0.01, "from 0 to 1"),
        ("discount", nan, "from 0 to 1"),
        ("discount", 1.01, "from 0 to 1"),
        ("discount", True, "a number"),
        ("success_reward", 0, "above 0, at most 1"),
        ("success_reward", inf, "above 0, at most 1"),
    ],
)
def test_a_profiles_value_of_the_wrong_kind_or_size_is_refused_with_its_name(field, value, expected):
    with pytest.raises(InvalidInput, match=rf"(?s)^profile.*\b{field}\b.*{expected}"):
        replace(COMPACT, **{field: value})


def test_a_profile_whose_image_is_larger_than_its_cells_camera_gives_is_refused():
    small = Cell(camera=Camera(width=20, height=16))
    with pytest.raises(InvalidInput, match=r"'compact': its image of 32x32 px .* 16x16 px at 2, 0"):
        replace(COMPACT, cell=small)
    assert replace(LOWDIM, cell=small).cell == small


def test_a_profile_has_mirror_images_where_its_cell_is_symmetrical():
    assert COMPACT.mirrors == LOWDIM.mirrors == MIRRORS and PAPER.mirrors == ()
    assert replace(COMPACT, cell=Cell(camera=Camera(position=(0.0, 0.01, 0.105)))).mirrors == MIRRORS[:1]


def test_core_imports_numpy_and_nothing_else():
    program = (
        "import sys, pkgutil, importlib, qtopt_agent.core as core, numpy.random, numpy.typing\n"
        "before = {name.split('.')[0] for name in sys.modules}\n"
        "[importlib.import_module(f'qtopt_agent.core.{m.name}') for m in pkgutil.iter_modules(core.__path__)]\n"
        "after = {name.split('.')[0] for name in sys.modules} - before - set(sys.stdlib_module_names)\n"
        "print(sorted(after))"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"
