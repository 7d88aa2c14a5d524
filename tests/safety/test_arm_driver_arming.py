"""Nothing moves before the driver is armed, and arming needs all that it watches."""

import numpy as np
import pytest

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.safety.arm_driver import ArmDriverCore
from qtopt_agent.safety.commands import DriverState
from qtopt_agent.safety.driver_settings import DriverSettings, Output
from qtopt_agent.safety.limits import WorkspaceBox
from qtopt_agent.safety.reasons import Reason

from .conftest import assert_within_limits


def test_a_driver_without_a_workspace_box_cannot_be_made():
    with pytest.raises(TypeError):
        DriverSettings(output=Output.POSE)
    with pytest.raises(InvalidInput, match="workspace box"):
        WorkspaceBox((0, 0, 0), (0, 0, 0))


def test_nothing_is_streamed_before_arming(bench):
    assert ArmDriverCore(bench.settings).tick(0.0) is None
    setpoint = bench.step(5)
    assert not setpoint.streaming
    np.testing.assert_array_equal(setpoint.pose.position, bench.position)
    assert bench.move(x=0.05).cuts == (Reason.NOT_ARMED,)
    assert bench.step(20).streaming is False


@pytest.mark.parametrize("source", ["camera", "gripper", "pose"])
def test_arming_needs_every_input(bench, source):
    bench.silent.add(source)
    if source == "pose":
        bench.silent.discard(source)
        bench.step()
        bench.silent.add(source)
    bench.step(100)
    assert bench.driver.arm(bench.now) == (Reason[f"{source.upper()}_STALE"],)
    assert bench.driver.state == DriverState.DISARMED


def test_arming_needs_a_pose_of_just_now(bench):
    """An older one may be of before somebody moved the arm by hand, or a simulator laid out its bin anew."""
    bench.step(3)
    bench.silent.add("pose")
    bench.step(11)
    assert bench.driver.arm(bench.now) == (Reason.POSE_STALE,)
    bench.silent.clear()
    bench.arm()


def test_arming_outside_the_box_is_refused(make_bench):
    bench = make_bench(start=(0.0, 0.0, 0.301))
    bench.step(3)
    assert bench.driver.arm(bench.now) == (Reason.OUTSIDE,)


def test_the_first_set_point_is_the_measured_pose(bench):
    bench.arm()
    setpoint = bench.step()
    np.testing.assert_allclose(setpoint.pose.position, bench.position, atol=1e-9)
    assert not setpoint.velocity.any()


def test_disarming_in_mid_motion_ends_with_a_stop(bench):
    bench.arm()
    bench.move(x=0.1)
    bench.step(20)
    bench.driver.disarm()
    for _ in range(200):
        setpoint = bench.step()
    assert bench.driver.state == DriverState.DISARMED and not setpoint.streaming
    assert not bench.sent[-1].velocity.any() and bench.sent[-1].yaw_rate == 0
    assert_within_limits(bench)


@pytest.mark.parametrize("how", ["disarmed", "stopped"])
def test_a_stop_in_a_second_motion_does_not_lead_back_to_the_end_of_the_first(bench, how):
    bench.arm()
    bench.move(x=0.08)
    bench.until_still()
    bench.move(x=-0.08)
    bench.step(25)
    if how == "disarmed":
        bench.driver.disarm()
    else:
        bench.driver.gripper(np.nan, bench.clock, bench.clock, bench.now)
    began = len(bench.sent)
    bench.step(200)
    back = [setpoint.velocity @ [np.cos(0.3), np.sin(0.3), 0] for setpoint in bench.sent[began:]]
    assert max(back) < 0.05  # at most the lead is given back


def test_a_hundred_times_armed_and_disarmed(bench):
    for _ in range(100):
        bench.arm()
        bench.move(x=0.02, y=-0.02)
        bench.step(7)
        bench.driver.disarm()
        while bench.driver.state != DriverState.DISARMED:
            bench.step()
        assert not bench.sent[-1].velocity.any()
    assert bench.driver.faults == ()
