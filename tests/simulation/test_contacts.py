"""Contacts: nothing passes through anything, sinks in, or flies off."""

import numpy as np
import pytest

from qtopt_agent.core.action import Action, GripperCommand
from qtopt_agent.core.cell import EMBEDDED
from qtopt_agent.core.profile import LOWDIM
from qtopt_agent.simulation import make_robot
from qtopt_agent.simulation.objects import ObjectSpec
from qtopt_agent.simulation.parts import Part, surface_points
from qtopt_agent.simulation.robot import SimulatedRobot

BIN, OBJECT, PAD = 0, 1, 2  # groups of the geoms


def _brick(density: float = 200.0) -> ObjectSpec:
    parts = (Part("box", (0.012, 0.02, 0.015)),)
    return ObjectSpec("brick", parts, density, surface_points(list(parts)))


def _robot(density: float = 200.0) -> SimulatedRobot:
    robot = SimulatedRobot(LOWDIM, lambda rng: _brick(density))
    robot.reset(0)
    return robot


def _move(robot: SimulatedRobot, x: float, y: float, z: float, gripper: GripperCommand = GripperCommand.KEEP) -> None:
    """Move in the world frame, with the gripper turned to it."""
    yaw = robot.pose()[3]
    c, s = np.cos(yaw), np.sin(yaw)
    robot.execute(Action(np.array([c * x + s * y, c * y - s * x, z], dtype=np.float32), -yaw, gripper))


def _place(robot: SimulatedRobot, x: float, y: float) -> None:
    robot._data.qpos[6:13] = (x, y, 0.0151, 1, 0, 0, 0)
    robot._data.qvel[6:] = 0


def _depth(robot: SimulatedRobot, first: int, second: int) -> float:
    """Deepest overlap in m between geoms of two groups."""
    group = robot._model.geom_group
    depths = [-c.dist for c in robot._data.contact if sorted(group[g] for g in c.geom) == sorted((first, second))]
    return max(depths, default=0.0)


def test_a_finger_pressed_on_the_floor_does_not_sink_in() -> None:
    robot = _robot()
    _place(robot, 0.12, 0.12)
    for _ in range(6):
        _move(robot, 0, 0, -0.06)
    for _ in range(5):  # the workspace ends above the floor: push on below it
        robot.follow(np.array([*robot.pose()[:2], -0.05]), 0.0, closed=False, duration=0.2)
    assert -0.001 < robot.pose()[2] < 0.001
    assert 0 < _depth(robot, BIN, PAD) < 0.001


@pytest.mark.parametrize("direction", [(1, 0), (-1, 0), (0, 1), (0, -1)])
def test_a_hand_pushed_to_a_wall_stops_there(direction: tuple[int, int]) -> None:
    robot = _robot()
    # Out of the hand's way, whichever way it goes.
    _place(robot, *(0.12 * (np.array(direction[::-1]) - np.array(direction))))
    for _ in range(5):
        _move(robot, 0, 0, -0.06)
    for _ in range(8):
        _move(robot, 0.06 * direction[0], 0.06 * direction[1], 0)
    reach = abs(robot.pose()[:2] @ np.array(direction))
    # The fingers' outer faces: 10 mm beside the jaw's plane; in it, the upper half sticks out by 16 mm.
    outside = 0.010 if direction[1] else robot.aperture() / 2 + 0.016
    assert reach + outside == pytest.approx(EMBEDDED.bin.size[0] / 2, abs=0.002)


def test_an_object_pushed_to_a_wall_stays_in_the_bin() -> None:
    robot = _robot()
    _place(robot, 0.08, 0.0)
    for _ in range(5):
        _move(robot, 0, 0, -0.06, GripperCommand.CLOSE)
    for _ in range(8):
        _move(robot, 0.06, 0, 0)
    assert 0.1 < robot.outline(0)[:, 0].max() < EMBEDDED.bin.size[0] / 2 + 0.001


@pytest.mark.parametrize("density", [100.0, 600.0])
def test_a_held_object_does_not_sink_into_the_fingers_and_stays_for_2_s(density: float) -> None:
    robot = _robot(density)
    _place(robot, *robot.pose()[:2])
    for _ in range(5):
        _move(robot, 0, 0, -0.06)
    _move(robot, 0, 0, 0, GripperCommand.CLOSE)
    for _ in range(3):
        _move(robot, 0, 0, 0.06)
    assert robot.succeeded()
    before = robot.outline(0).mean(0) - robot.pose()[:3]
    for _ in range(10):
        _move(robot, 0, 0, 0)
        assert _depth(robot, PAD, OBJECT) < 0.001
    assert robot.succeeded()
    assert np.abs(robot.outline(0).mean(0) - robot.pose()[:3] - before).max() < 0.001
    above = robot.outline(0)[:, 2].min() - EMBEDDED.attempt.lift_height
    assert robot.succeeded(above - 0.001) and not robot.succeeded(above + 0.001)  # by the margin that is asked for


def test_an_object_at_rest_stays_where_it_is() -> None:
    robot = _robot()
    before = robot.outline(0)
    for _ in range(10):
        _move(robot, 0, 0, 0)
    assert np.abs(robot.outline(0) - before).max() < 1e-4
    assert _depth(robot, BIN, OBJECT) < 5e-4


@pytest.mark.parametrize("objects", ["train", "held-out"])
def test_nothing_explodes_under_random_actions(objects: str) -> None:
    robot = make_robot(LOWDIM, objects, (1, 2))
    space = LOWDIM.action_space
    for seed in range(60):
        rng = np.random.default_rng(seed)
        robot.reset(seed)
        for _ in range(8):
            vector = space.sample(rng) * np.float32([1, 1, 1, 1, 1, 1, 1, 0])
            vector[2] -= 0.03  # mostly among the objects
            robot.execute(Action.from_vector(space.project(vector)))
            assert robot.observe().state.max() < 5
            speed = np.abs(robot._data.qvel)
            assert np.isfinite(robot._data.qpos).all() and np.isfinite(speed).all()
            assert speed[:3].max() < 2 and speed[4:6].max() < 2  # m/s
            linear = speed[6:].reshape(-1, 6)[:, :3]
            assert linear.max() < 5
        assert not any(warning.number for warning in robot._data.warning)
