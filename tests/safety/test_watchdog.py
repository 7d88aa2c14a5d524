"""Ages count from capture, and only what is new counts."""

import numpy as np
import pytest

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.safety.reasons import Reason
from qtopt_agent.safety.watchdog import AgeLimits, Watchdog


def all_heard(now=10.0, clock=1000.0):
    watchdog = Watchdog(AgeLimits())
    for source in ("camera", "gripper", "pose"):
        watchdog.heard(source, clock, clock, now)
    return watchdog


def test_inputs_never_heard_are_stale():
    assert set(Watchdog(AgeLimits()).faults(0.0)) == {Reason.CAMERA_STALE, Reason.GRIPPER_STALE, Reason.POSE_STALE}


def test_each_input_has_its_own_limit():
    watchdog = all_heard()
    assert watchdog.faults(10.2) == ()
    assert watchdog.faults(10.3) == (Reason.POSE_STALE,)
    assert set(watchdog.faults(10.5)) == {Reason.CAMERA_STALE, Reason.GRIPPER_STALE, Reason.POSE_STALE}


def test_a_message_counts_with_the_age_it_arrives_with():
    watchdog = all_heard()
    watchdog.heard("camera", 999.9, 1000.3, 10.3)
    assert watchdog.age("camera", 10.3) == pytest.approx(0.3)  # older than the one there is: no news
    watchdog.heard("camera", 1000.05, 1000.35, 10.35)
    assert watchdog.age("camera", 10.35) == pytest.approx(0.3)


def test_a_frozen_clock_does_not_keep_a_frozen_camera_fresh():
    watchdog = all_heard()
    for tick in range(100):
        watchdog.heard("camera", 1000.0, 1000.0, 10.0 + 0.01 * tick)
    assert Reason.CAMERA_STALE in watchdog.faults(11.0)


def test_after_a_jump_of_the_clock_all_inputs_must_be_heard_anew():
    watchdog = all_heard()
    watchdog.heard("camera", 3.0, 3.0, 10.1)
    assert set(watchdog.faults(10.1)) == {Reason.CLOCK_JUMP, Reason.GRIPPER_STALE, Reason.POSE_STALE}
    watchdog.heard("gripper", 3.0, 3.0, 10.1)
    watchdog.heard("pose", 3.0, 3.0, 10.1)
    assert watchdog.faults(10.1) == (Reason.CLOCK_JUMP,)
    watchdog.forgive()
    assert watchdog.faults(10.1) == ()


@pytest.mark.parametrize("stamp", [1001.0, np.nan])
def test_a_stamp_from_the_future_or_nan_does_not_make_an_input_fresh(stamp):
    watchdog = all_heard()
    watchdog.heard("pose", stamp, 1000.1, 10.1)
    assert {Reason.CLOCK_JUMP, Reason.POSE_STALE} <= set(watchdog.faults(10.1))


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_no_limit_can_be_switched_off(bad):
    with pytest.raises(InvalidInput, match="camera"):
        AgeLimits(camera=bad)
