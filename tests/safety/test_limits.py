"""No motion that leaves `guard` breaks a limit, and none that kept them is changed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtopt_agent.core.action import Action, GripperCommand
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.safety.limits import MotionLimits, WorkspaceBox, guard, limit_translation
from qtopt_agent.safety.reasons import Reason

BOX = WorkspaceBox((-0.2, -0.3, 0.0), (0.2, 0.3, 0.25))
LIMITS = MotionLimits(BOX, max_translation=0.06, max_yaw=0.5)
SLACK = 1e-6  # m: actions are float32

metres = st.floats(-1.0, 1.0)
vectors = st.tuples(metres, metres, metres).map(np.array)
inside = st.tuples(st.floats(-0.2, 0.2), st.floats(-0.3, 0.3), st.floats(0.0, 0.25)).map(np.array)
angles = st.floats(-7.0, 7.0)


def rotation(yaw: float) -> np.ndarray:
    return np.array([[np.cos(yaw), -np.sin(yaw), 0], [np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]])


def moved(position: np.ndarray, yaw: float, action: Action) -> np.ndarray:
    return position + rotation(yaw) @ action.translation


@given(vectors, angles, inside, angles)
def test_a_gripper_inside_the_box_stays_inside_within_the_step_limits(translation, turn, position, yaw):
    allowed = guard(Action(translation.astype(np.float32), turn), position, yaw, LIMITS).action
    target = moved(position, yaw, allowed)
    assert np.abs(target - BOX.clip(target)).max() <= SLACK
    assert np.linalg.norm(allowed.translation) <= LIMITS.max_translation + SLACK
    assert abs(allowed.yaw) <= LIMITS.max_yaw


@given(vectors, vectors, angles)
def test_a_gripper_outside_the_box_never_gets_further_from_it(translation, position, yaw):
    allowed = guard(Action(translation.astype(np.float32), 0.0), position, yaw, LIMITS).action
    target = moved(position, yaw, allowed)
    assert np.linalg.norm(target - BOX.clip(target)) <= np.linalg.norm(position - BOX.clip(position)) + SLACK
    assert np.linalg.norm(allowed.translation) <= LIMITS.max_translation + SLACK


def test_an_allowed_action_passes_unchanged_and_without_a_reason():
    action = Action(np.float32([0.02, -0.01, 0.03]), 0.4, GripperCommand.CLOSE, True)
    guarded = guard(action, np.array([0.0, 0.0, 0.1]), 2.0, LIMITS)
    assert guarded.action is action
    assert guarded.reasons == ()


@pytest.mark.parametrize(
    ("translation", "turn", "reason"),
    [
        ([0.0, 0.0, -0.05], 0.0, Reason.WORKSPACE),
        ([0.0, 0.07, 0.0], 0.0, Reason.TRANSLATION),
        ([0.0, 0.0, 0.0], -0.6, Reason.YAW),
    ],
)
def test_each_cut_says_why_and_keeps_the_jaw_command(translation, turn, reason):
    action = Action(np.float32(translation), turn, GripperCommand.CLOSE, True)
    guarded = guard(action, np.array([0.0, 0.0, 0.02]), 0.0, LIMITS)
    assert guarded.reasons == (reason,)
    assert guarded.action.gripper is GripperCommand.CLOSE
    assert guarded.action.terminate


def test_the_translation_is_read_in_the_gripper_frame():
    near_the_wall = np.array([0.19, 0.0, 0.1])
    forward = Action(np.float32([0.05, 0.0, 0.0]), 0.0)
    assert guard(forward, near_the_wall, 0.0, LIMITS).reasons == (Reason.WORKSPACE,)
    assert guard(forward, near_the_wall, np.pi, LIMITS).reasons == ()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_refused(bad):
    still, here = np.zeros(3, np.float32), np.zeros(3)
    for action, position, yaw in [
        (Action(np.float32([0, bad, 0]), 0.0), here, 0.0),
        (Action(still, bad), here, 0.0),
        (Action(still, 0.0), np.array([0, 0, bad]), 0.0),
        (Action(still, 0.0), here, bad),
    ]:
        with pytest.raises(InvalidInput, match="finite"):
            guard(action, position, yaw, LIMITS)
    with pytest.raises(InvalidInput, match="finite"):
        BOX.clip(np.array([0, 0, bad]))
    with pytest.raises(InvalidInput, match="finite"):
        limit_translation(np.array([bad, 0, 0]), 0.1)


def test_nan_is_not_inside_the_box():
    assert not BOX.contains(np.array([0.0, np.nan, 0.1]))


@given(vectors, st.floats(0.001, 0.5))
def test_a_shortened_translation_keeps_its_direction(translation, maximum):
    short = limit_translation(translation, maximum)
    length = np.linalg.norm(translation)
    assert np.linalg.norm(short) <= maximum * (1 + 1e-9)
    expected = translation * min(1.0, maximum / length) if length > 0 else translation
    np.testing.assert_allclose(short, expected, atol=1e-9)


@pytest.mark.parametrize(
    ("low", "high"), [((0, 0, 0), (1, 1, 0)), ((0, 0, 0), (1, np.nan, 1)), ((0, 0), (1, 1)), ((0, 0, 2), (1, 1, 1))]
)
def test_a_box_without_a_volume_is_refused(low, high):
    with pytest.raises(InvalidInput, match="workspace box"):
        WorkspaceBox(low, high)


@pytest.mark.parametrize("bad", [0.0, -0.1, np.nan, np.inf])
def test_step_limits_must_be_finite_and_positive(bad):
    with pytest.raises(InvalidInput, match="step limits"):
        MotionLimits(BOX, bad, 0.5)
    with pytest.raises(InvalidInput, match="step limits"):
        MotionLimits(BOX, 0.06, bad)
