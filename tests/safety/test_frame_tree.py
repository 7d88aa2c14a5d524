"""Where a frame is in another, from what /tf has told."""

import math

import numpy as np
import pytest

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.rotations import matrix_of
from qtopt_agent.safety.frame_tree import FrameTree

UPRIGHT = (0.0, 0.0, 0.0, 1.0)
QUARTER = (0.0, 0.0, math.sqrt(0.5), math.sqrt(0.5))  # about z
OVER = (1.0, 0.0, 0.0, 0.0)  # about x, by half a turn


@pytest.fixture
def tree():
    """world > base > flange > tip, and world > table."""
    found = FrameTree()
    found.hear("world", "base", (1.0, 0.0, 0.0), UPRIGHT, math.inf)
    found.hear("world", "table", (0.0, 0.0, -1.0), UPRIGHT, math.inf)
    found.hear("base", "flange", (0.5, 0.0, 0.4), QUARTER, 7.0)
    found.hear("flange", "tip", (0.1, 0.0, 0.0), OVER, math.inf)
    return found


def test_transforms_follow_one_another(tree):
    found = tree.pose("base", "tip")
    np.testing.assert_allclose(found.position, (0.5, 0.1, 0.4), atol=1e-12)
    np.testing.assert_allclose(matrix_of(found.orientation), matrix_of(QUARTER) @ matrix_of(OVER), atol=1e-12)


def test_a_pose_is_as_old_as_the_oldest_that_it_is_made_of(tree):
    tree.hear("world", "base", (1.0, 0.0, 0.0), UPRIGHT, 5.0)  # a linear axis
    assert tree.pose("base", "tip").stamp == 7.0
    assert tree.pose("world", "tip").stamp == 5.0
    assert tree.pose("world", "table").stamp == math.inf


def test_the_way_leads_up_and_down_again(tree):
    np.testing.assert_allclose(tree.pose("table", "flange").position, (1.5, 0.0, 1.4), atol=1e-12)
    np.testing.assert_allclose(tree.pose("tip", "base").then(tree.pose("base", "tip")).position, 0, atol=1e-12)


def test_the_newest_counts(tree):
    tree.hear("base", "flange", (0.6, 0.0, 0.4), QUARTER, 8.0)
    assert tree.pose("base", "flange").position[0] == 0.6


def test_names_with_a_leading_slash_are_the_same(tree):
    assert tree.pose("/base", "/tip").stamp == 7.0 and tree.knows("/tip")


def test_a_frame_that_nobody_tells_of_is_named_with_those_that_there_are(tree):
    with pytest.raises(InvalidInput, match=r"from base to gripper; /tf tells of base, flange, table, tip, world"):
        tree.pose("base", "gripper")
    with pytest.raises(InvalidInput, match="tells of nothing"):
        FrameTree().pose("base", "tip")


def test_a_ring_ends():
    tree = FrameTree()
    tree.hear("a", "b", (0.0, 0.0, 0.0), UPRIGHT, 1.0)
    tree.hear("b", "a", (0.0, 0.0, 0.0), UPRIGHT, 1.0)
    with pytest.raises(InvalidInput, match="from c to a"):
        tree.pose("c", "a")


@pytest.mark.parametrize(
    ("position", "orientation", "stamp"),
    [
        ((math.nan, 0.0, 0.0), UPRIGHT, 1.0),
        ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0), 1.0),
        ((0.0, 0.0, 0.0), (0.0, 0.0, math.inf, 1.0), 1.0),
        ((0.0, 0.0, 0.0), UPRIGHT, math.nan),
    ],
)
def test_what_is_no_number_is_refused_and_leaves_what_was_known(tree, position, orientation, stamp):
    with pytest.raises(InvalidInput, match="transform of flange"):
        tree.hear("base", "flange", position, orientation, stamp)
    assert tree.pose("base", "flange").stamp == 7.0
