"""Yaw comes back from the orientation it was made into, for tools that point any way."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.rotations import wrapped
from qtopt_agent.safety.tool_pose import orientation_at, unit_quaternion, yaw_and_tilt

tools = st.sampled_from([[0, 0, 0, 1], [1, 0, 0, 0], [0.924, -0.383, 0, 0], [0, 1, 0, 0], [1, 0, 0, 0.01]])


@given(st.floats(-3.1, 3.1), tools, st.sampled_from([1.0, -1.0]))
def test_yaw_survives_the_round_trip(yaw, tool, sign):
    tool = unit_quaternion(tool)
    back, tilt = yaw_and_tilt(sign * orientation_at(yaw, tool), tool)  # q and -q are the same orientation
    assert back == pytest.approx(yaw, abs=1e-6)
    assert tilt == pytest.approx(0.0, abs=1e-6)


@given(st.floats(-3.1, 3.1), st.floats(0.0, 3.0), st.floats(-3.1, 3.1))
def test_tilt_is_the_angle_between_the_tool_and_straight_down(yaw, lean, heading):
    about = np.sin(lean / 2) * np.array([np.cos(heading), np.sin(heading)])
    leaning = unit_quaternion([*about, 0.0, np.cos(lean / 2)])
    assert yaw_and_tilt(orientation_at(yaw, leaning), unit_quaternion([0, 0, 0, 1]))[1] == pytest.approx(lean, abs=1e-6)


@pytest.mark.parametrize("bad", [[0, 0, 0, 0], [0, 0, 1], [np.nan, 0, 0, 1]])
def test_what_is_no_quaternion_is_refused(bad):
    with pytest.raises(InvalidInput, match="quaternion"):
        unit_quaternion(bad)


@given(st.floats(-50, 50))
def test_a_wrapped_angle_points_the_same_way(angle):
    assert -np.pi <= wrapped(angle) <= np.pi
    assert np.cos(wrapped(angle)) == pytest.approx(np.cos(angle), abs=1e-9)
