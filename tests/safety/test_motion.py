"""A set point follows goals that change under way, keeps its limits, and never leaves the box."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.safety.limits import WorkspaceBox
from qtopt_agent.safety.motion import Pose, RateLimits, Reference

BOX = WorkspaceBox((-0.2, -0.2, 0.0), (0.2, 0.2, 0.3))
LIMITS = RateLimits(speed=0.5, acceleration=1.0, yaw_rate=1.0, yaw_acceleration=4.0)

goals = st.tuples(st.floats(-0.2, 0.2), st.floats(-0.2, 0.2), st.floats(0, 0.3), st.floats(-3, 3))
plans = st.lists(st.tuples(goals, st.lists(st.floats(0.0, 0.1), min_size=1, max_size=30)), max_size=12)


def rest(x=0.0, y=0.0, z=0.1):
    return Reference.at_rest(Pose(np.array([x, y, z]), 0.0))


@settings(max_examples=200)
@given(plans)
def test_goals_that_change_at_speed_never_lead_out_of_the_box(plan):
    reference = rest()
    for (x, y, z, yaw), ticks in plan:
        for dt in ticks:
            after = reference.towards(Pose(np.array([x, y, z]), yaw), LIMITS, BOX, dt)
            assert np.linalg.norm(after.velocity - reference.velocity) <= LIMITS.acceleration * dt + 1e-9
            assert abs(after.yaw_rate - reference.yaw_rate) <= LIMITS.yaw_acceleration * dt + 1e-9
            assert np.linalg.norm(after.velocity) <= LIMITS.speed + 1e-9
            for position in (after.pose.position, after.stop_pose(LIMITS).position):
                assert np.abs(position - BOX.clip(position)).max() < 1e-7
            reference = after


def test_turning_aside_at_full_speed_before_a_wall_does_not_pass_it():
    reference = rest(-0.2, 0.0)
    wall = Pose(np.array([0.2, 0.0, 0.1]), 0.0)
    while reference.pose.position[0] < 0.09:
        reference = reference.towards(wall, LIMITS, BOX, 0.02)
    assert reference.velocity[0] > 0.4
    # Full acceleration sideways would leave none to brake with.
    for _ in range(300):
        reference = reference.towards(Pose(np.array([0.2, 0.2, 0.1]), 0.0), LIMITS, BOX, 0.02)
        assert reference.pose.position[0] <= 0.2 + 1e-9
    np.testing.assert_allclose(reference.pose.position, [0.2, 0.2, 0.1], atol=1e-3)


@pytest.mark.parametrize("dt", [0.001, 0.01, 0.02, 0.1])
def test_a_motion_from_rest_arrives_without_overshoot_in_little_more_than_the_shortest_time(dt):
    reference, goal = rest(-0.1, -0.1, 0.05), Pose(np.array([0.1, 0.1, 0.25]), 1.0)
    distance = np.linalg.norm(goal.position - reference.pose.position)
    shortest = distance / LIMITS.speed + LIMITS.speed / LIMITS.acceleration
    ticks = 0
    while not reference.near(goal):
        reference = reference.towards(goal, LIMITS, BOX, dt)
        assert (reference.pose.position <= goal.position + 1e-9).all()
        ticks += 1
    assert ticks * dt < 1.2 * shortest + 6 * dt


@given(st.floats(-0.3, 0.3), st.floats(-0.3, 0.3), st.floats(0.001, 0.1))
def test_braking_goes_straight_and_ends_at_rest(vx, vy, dt):
    reference = Reference(Pose(np.zeros(3), 0.0), np.array([vx, vy, 0.0]), 0.5)
    direction = reference.velocity.copy()
    for _ in range(round(0.5 / dt) + 2):
        reference = reference.braked(LIMITS, dt)
        assert abs(reference.velocity[0] * direction[1] - reference.velocity[1] * direction[0]) < 1e-9
    assert reference.standing


def test_limits_and_poses_must_be_finite():
    with pytest.raises(InvalidInput, match="speed"):
        RateLimits(speed=0.0)
    with pytest.raises(InvalidInput, match="yaw_rate"):
        RateLimits(yaw_rate=np.nan)
    with pytest.raises(InvalidInput, match="pose"):
        Pose(np.array([0.0, np.nan, 0.0]), 0.0)
