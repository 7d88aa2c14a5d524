"""Tip and camera are told on /tf where nobody else does it, and stand there as profile and cell say."""

import math
from dataclasses import replace

import numpy as np
import pytest

from qtopt_agent.cells.cell_file import load_cell, write_cell
from qtopt_agent.core.rotations import matrix_of
from qtopt_agent.graph.description import arm_file
from qtopt_agent.safety.arm_profile import arm_profile, read_parameters
from qtopt_agent.safety.frame_tree import FrameTree
from qtopt_agent.safety.mounting import missing
from qtopt_agent.safety.tool_pose import orientation_at

BOX = {"workspace.low": [0.2, -0.2, 0.0], "workspace.high": [0.6, 0.2, 0.3]}
UPRIGHT, TOOL = (0.0, 0.0, 0.0, 1.0), (0.8, 0.0, 0.0, 0.6)
YAW, PLACE = 0.4, (0.4, 0.1, 0.5)


def profile(**changes):
    return arm_profile(read_parameters(arm_file("ur_servo")) | BOX | changes)


@pytest.fixture
def tree():
    """A UR's, its flange over the bin: what ur_robot_driver tells."""
    found = FrameTree()
    found.hear("world", "base_link", (0.0, 0.0, 0.0), UPRIGHT, math.inf)
    found.hear("base_link", "tool0", PLACE, orientation_at(YAW, np.array(TOOL)), 7.0)
    return found


def told(tree, found):
    for each in found:
        tree.hear(each.parent, each.child, each.pose.position, each.pose.orientation, math.inf)


def as_the_cell_has_it(tree, camera, cell):
    """The hand is turned by YAW about the vertical; a cell's tip frame is upright."""
    seen, tip = tree.pose("base_link", camera), tree.pose("base_link", "grasp_tip").position
    turn = matrix_of((0.0, 0.0, math.sin(YAW / 2), math.cos(YAW / 2)))
    np.testing.assert_allclose(seen.position, tip + turn @ np.array(cell.camera.position), atol=1e-5)
    np.testing.assert_allclose(seen.turn, turn @ cell.camera.rotation, atol=1e-5)


def upright():
    """The tip as it is mounted with the tool's own axes, so that yaw is the flange's."""
    return profile(tip_orientation=[0.0, 0.0, 0.0, 1.0], tool_orientation=list(TOOL))


def test_a_tip_in_the_flange_and_a_camera_that_nobody_tells_of_are_mounted(tree):
    arm = upright()
    told(tree, missing(arm, tree, "wrist_camera"))
    in_flange = tree.pose("tool0", "grasp_tip")
    np.testing.assert_allclose(in_flange.position, (0.0, 0.0, 0.163), atol=1e-9)
    told(tree, missing(arm, tree, "wrist_camera"))  # once the tip is known
    as_the_cell_has_it(tree, "wrist_camera", load_cell("d435_wrist"))
    assert missing(arm, tree, "wrist_camera") == []


def test_frames_of_a_cameras_own_driver_are_kept_and_hung_up_by_their_root(tree):
    arm = upright()
    told(tree, missing(arm, tree, ""))
    tree.hear("camera_link", "camera_color_frame", (0.0, 0.015, 0.0), (0.0, 0.02, 0.0, 0.9998), math.inf)
    tree.hear("camera_color_frame", "optical", (0.0, 0.0, 0.0), (-0.5, 0.5, -0.5, 0.5), math.inf)
    (mount,) = missing(arm, tree, "optical")
    assert (mount.parent, mount.child) == ("grasp_tip", "camera_link")
    told(tree, [mount])
    as_the_cell_has_it(tree, "optical", load_cell("d435_wrist"))


def test_what_somebody_tells_is_not_told_twice(tree):
    tree.hear("tool0", "grasp_tip", (0.0, 0.0, 0.2), UPRIGHT, math.inf)
    tree.hear("tool0", "camera", (0.1, 0.0, 0.0), UPRIGHT, math.inf)
    assert missing(upright(), tree, "camera") == []


def test_nothing_is_mounted_on_what_nobody_has_told_of_yet():
    assert missing(upright(), FrameTree(), "camera") == []
    without = FrameTree()
    without.hear("world", "base_link", (0.0, 0.0, 0.0), UPRIGHT, math.inf)
    assert missing(profile(tip_parent=""), without, "camera") == []


def test_a_camera_that_stands_is_in_the_base_frame(tree, tmp_path):
    cell = load_cell("d435_wrist")
    fixed = replace(cell.camera, mount="fixed", position=(0.5, 0.2, 0.6), orientation=(1.0, 0.0, 0.0, 0.0))
    write_cell(replace(cell, camera=fixed), file := tmp_path / "mine.yaml", "Mine.")
    arm = profile(cell=str(file))
    told(tree, missing(arm, tree, ""))
    (mount,) = missing(arm, tree, "camera")
    assert (mount.parent, mount.child) == ("base_link", "camera")
    np.testing.assert_allclose(mount.pose.position, (0.5, 0.2, 0.6))
