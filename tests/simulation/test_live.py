"""The world in continuous time: it goes after set points, holds without them, and `execute` is as it was."""

import numpy as np
import pytest

from qtopt_agent.core.action import Action
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.profile import COMPACT
from qtopt_agent.simulation import make_robot
from qtopt_agent.simulation.live import LiveWorld


@pytest.fixture
def world():
    live = LiveWorld(make_robot(COMPACT), timeout=0.2)
    live.reset(3)
    return live


def let_pass(world, seconds, period=0.01):
    for _ in range(round(seconds / period)):
        world.advance(period)


def test_a_pose_is_reached_however_the_time_is_cut(world):
    start = world.pose()
    goal = np.add(start[:3], (0.02, -0.01, -0.03))
    for _ in range(20):
        world.set_pose(goal, float(start[3]) + 0.3)
        let_pass(world, 0.1, period=0.007)
    assert np.linalg.norm(world.pose()[:3] - goal) < 0.003
    assert abs(world.pose()[3] - start[3] - 0.3) < 0.05


def test_a_twist_moves_the_hand_at_its_speed(world):
    start = world.pose()
    for _ in range(50):
        world.set_twist(np.array([0.05, 0.0, 0.0]), 0.0)
        world.advance(0.01)
    moved = world.pose()[:3] - start[:3]
    assert 0.015 < moved[0] < 0.03 and np.abs(moved[1:]).max() < 0.003


def test_a_hand_whose_set_points_stop_coming_holds(world):
    world.set_twist(np.array([0.1, 0.0, 0.0]), 0.0)
    let_pass(world, 0.5)
    before = world.pose()
    let_pass(world, 0.5)
    assert np.abs(world.pose()[:3] - before[:3]).max() < 0.001
    assert before[0] < 0.1


def test_time_goes_on_through_a_reset(world):
    let_pass(world, 0.5)
    world.reset(4)
    let_pass(world, 0.5)
    assert world.time == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_set_point_that_is_not_finite_is_refused(world, bad):
    with pytest.raises(InvalidInput, match="finite"):
        world.set_pose(np.array([bad, 0, 0.1]), 0.0)
    with pytest.raises(InvalidInput, match="finite"):
        world.set_twist(np.zeros(3), bad)


def test_following_the_set_point_of_one_motion_ends_where_the_motion_does():
    motion = Action(np.array([0.03, 0.01, -0.04], np.float32), 0.2)
    stepped, followed = make_robot(COMPACT), make_robot(COMPACT)
    stepped.reset(5)
    followed.reset(5)
    x, y, z, yaw = followed.pose()
    turn = np.array([[np.cos(yaw), -np.sin(yaw), 0], [np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]])
    stepped.execute(motion)
    followed.follow(np.array([x, y, z]) + turn @ motion.translation, yaw + 0.2, False, 0.2)
    np.testing.assert_allclose(followed.pose(), stepped.pose(), atol=1e-6)
