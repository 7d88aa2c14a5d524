"""Yaw comes back from the orientation it was made into, for tools that point any way."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.rotations import wrapped
from qtopt_agent.safety.tool_pose import orientation_at, unit_quaternion, yaw_and_lean


def _product(a, b):
    """Of quaternions, by turning vectors: the left one turns last."""
    (*u, s), (*v, t) = np.asarray(a, float), np.asarray(b, float)
    u, v = np.array(u), np.array(v)
    return [*(s * v + t * u + np.cross(u, v)), s * t - u @ v]


tools = st.sampled_from([[0, 0, 0, 1], [1, 0, 0, 0], [0.924, -0.383, 0, 0], [0, 1, 0, 0], [1, 0, 0, 0.01]])


@given(st.floats(-3.1, 3.1), tools, st.sampled_from([1.0, -1.0]))
def test_yaw_survives_the_round_trip(yaw, tool, sign):
    tool = unit_quaternion(tool)
    back, lean = yaw_and_lean(sign * orientation_at(yaw, tool), tool)  # q and -q are the same orientation
    assert back == pytest.approx(yaw, abs=1e-6)
    assert lean == pytest.approx([0.0, 0.0], abs=1e-6)


@given(st.floats(-3.1, 3.1), st.floats(0.0, 3.0), st.floats(-3.1, 3.1))
def test_a_lean_is_the_turn_by_which_the_tool_has_left_straight_down_whatever_its_yaw(yaw, angle, heading):
    axis = np.array([np.cos(heading), np.sin(heading)])
    turn = [*(np.sin(angle / 2) * axis), 0.0, np.cos(angle / 2)]
    tool = unit_quaternion([0.924, -0.383, 0, 0])
    leaning = np.array(_product(turn, orientation_at(yaw, tool)))
    back, lean = yaw_and_lean(leaning, tool)
    np.testing.assert_allclose(lean, angle * axis, atol=1e-6)
    assert wrapped(back - yaw) == pytest.approx(0.0, abs=1e-6)


def test_upside_down_is_half_a_turn():
    _, lean = yaw_and_lean(unit_quaternion([1, 0, 0, 0]), unit_quaternion([0, 0, 0, 1]))
    assert np.hypot(*lean) == pytest.approx(np.pi)


@pytest.mark.parametrize("bad", [[0, 0, 0, 0], [0, 0, 1], [np.nan, 0, 0, 1]])
def test_what_is_no_quaternion_is_refused(bad):
    with pytest.raises(InvalidInput, match="quaternion"):
        unit_quaternion(bad)


@given(st.floats(-50, 50))
def test_a_wrapped_angle_points_the_same_way(angle):
    assert -np.pi <= wrapped(angle) <= np.pi
    assert np.cos(wrapped(angle)) == pytest.approx(np.cos(angle), abs=1e-9)
