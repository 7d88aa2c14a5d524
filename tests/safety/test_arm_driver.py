"""The arm does what it is asked within its limits, and stops for good when anything is wrong."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qtopt_agent.core.action import Action, GripperCommand
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.safety.arm_driver import ArmDriverCore
from qtopt_agent.safety.commands import DriverState, MotionCommand
from qtopt_agent.safety.driver_settings import DriverSettings, Output
from qtopt_agent.safety.limits import WorkspaceBox
from qtopt_agent.safety.reasons import Reason

TICK = 0.01
SLACK = 1e-7


def assert_within_limits(bench):
    """Every set point sent is finite, slow enough and, where poses are sent, inside the box and without a jump."""
    rates = bench.settings.rates
    box = bench.settings.step.workspace
    before, before_time = None, None
    for setpoint, time in zip(bench.sent, bench.times, strict=True):
        values = [*setpoint.pose.position, setpoint.pose.yaw, *setpoint.velocity, setpoint.yaw_rate, setpoint.effort]
        assert np.isfinite(values).all()
        assert np.linalg.norm(setpoint.velocity) <= rates.speed + SLACK
        assert abs(setpoint.yaw_rate) <= rates.yaw_rate + SLACK
        assert np.abs(setpoint.pose.position - box.clip(setpoint.pose.position)).max() <= SLACK
        if before is not None:
            dt = time - before_time
            assert np.linalg.norm(setpoint.velocity - before.velocity) <= rates.acceleration * dt + SLACK
            assert abs(setpoint.yaw_rate - before.yaw_rate) <= rates.yaw_acceleration * dt + SLACK
            if bench.output == Output.POSE:
                moved = setpoint.pose.position - before.pose.position
                np.testing.assert_allclose(moved, setpoint.velocity * min(dt, 0.1), atol=SLACK)
                turned = setpoint.pose.yaw - before.pose.yaw
                assert turned == pytest.approx(setpoint.yaw_rate * min(dt, 0.1), abs=SLACK)
        before, before_time = setpoint, time


def assert_stopped(bench, seconds=0.3):
    """From now on every set point is the same stop."""
    held = bench.step()
    for _ in range(round(seconds / TICK)):
        setpoint = bench.step()
        assert not setpoint.velocity.any() and setpoint.yaw_rate == 0
        if bench.output == Output.POSE:
            np.testing.assert_array_equal(setpoint.pose.position, held.pose.position)


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


def test_arming_outside_the_box_is_refused(make_bench):
    bench = make_bench(start=(0.0, 0.0, 0.301))
    bench.step(3)
    assert bench.driver.arm(bench.now) == (Reason.OUTSIDE,)


def test_the_first_set_point_is_the_measured_pose(bench):
    bench.arm()
    setpoint = bench.step()
    np.testing.assert_allclose(setpoint.pose.position, bench.position, atol=1e-9)
    assert not setpoint.velocity.any()


def test_a_motion_is_made_in_the_gripper_frame_from_the_measured_pose(bench):
    bench.arm()
    here, yaw = bench.position.copy(), bench.yaw
    report = bench.move(x=0.06, z=-0.02, yaw=0.5)
    assert report.cuts == ()
    bench.until_still()
    expected = here + np.array([0.06 * np.cos(yaw), 0.06 * np.sin(yaw), -0.02])
    np.testing.assert_allclose(bench.position, expected, atol=0.006)
    assert bench.yaw == pytest.approx(yaw + 0.5, abs=0.06)
    assert_within_limits(bench)


def test_a_cut_command_is_reported_beside_the_one_asked_for(bench):
    bench.arm()
    report = bench.move(x=0.3, yaw=2.0)
    assert report.asked.action.translation[0] == np.float32(0.3)
    assert set(report.cuts) == {Reason.WORKSPACE, Reason.TRANSLATION, Reason.YAW}
    assert np.linalg.norm(report.allowed.translation) <= 0.1 + SLACK
    assert report.allowed.yaw == 1.0
    assert bench.driver.state == DriverState.ARMED
    bench.until_still()
    assert_within_limits(bench)


@pytest.mark.parametrize("source", ["camera", "gripper", "pose"])
@pytest.mark.parametrize("how", ["silent", "frozen"])
def test_an_input_that_goes_silent_or_freezes_in_mid_motion_stops_the_arm(bench, source, how):
    bench.arm()
    bench.move(x=0.09)
    bench.step(10)
    began = bench.now
    if how == "silent":
        bench.silent.add(source)
    else:
        bench.frozen[source] = bench.clock
    while bench.driver.state == DriverState.ARMED and bench.now < began + 5:
        bench.move(x=0.05 if (bench.now - began) % 0.4 < 0.2 else -0.05)
        bench.step()
    limit = getattr(bench.settings.ages, source)
    assert limit - 3 * TICK < bench.now - began <= limit  # an upper bound, but not far from it
    assert bench.driver.faults == (Reason[f"{source.upper()}_STALE"],)
    bench.until_still()
    assert bench.driver.state == DriverState.HOLDING
    assert_stopped(bench)
    assert_within_limits(bench)


@pytest.mark.parametrize("period", [0.02, 0.01])
@pytest.mark.parametrize("phase", [0.05, 0.5, 0.95])
def test_the_stop_leaves_before_an_input_is_older_than_its_limit_though_ticks_are_late(make_bench, period, phase):
    bench = make_bench()
    bench.driver = ArmDriverCore(replace(bench.settings, period=period))
    bench.step(3, period)
    assert bench.driver.arm(bench.now) == ()
    bench.step(1, period)
    bench.silent.add("pose")
    bench.now += phase * period
    last = bench.now
    bench.driver.measured(bench.position, bench.yaw, bench.clock, bench.clock, bench.now)
    bench.step(1, (1 - phase) * period)
    while bench.driver.state == DriverState.ARMED:
        bench.step(1, 1.4 * period)
    assert bench.now - last <= bench.settings.ages.pose + SLACK


def test_an_age_limit_shorter_than_some_set_points_is_refused(bench):
    with pytest.raises(InvalidInput, match=r"age limit of pose is 0\.2 s"):
        replace(bench.settings, period=0.1)


def test_an_agent_that_dies_in_mid_motion_stops_the_arm(bench):
    bench.arm()
    bench.move(x=0.1)
    bench.alive = False
    began = bench.now
    while bench.driver.state == DriverState.ARMED:
        bench.step()
    limit = bench.settings.ages.command
    assert limit - 3 * TICK < bench.now - began <= limit
    assert bench.driver.faults == (Reason.COMMAND_STALE,)
    bench.until_still()
    assert_stopped(bench)
    assert_within_limits(bench)


def test_an_agent_that_is_idle_is_no_fault(bench):
    bench.arm()
    bench.move(x=0.02)
    bench.until_still()
    bench.alive = False
    bench.step(300)
    assert bench.driver.state == DriverState.ARMED


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["translation", "yaw", "position", "measured yaw", "aperture"])
def test_a_value_that_is_not_finite_stops_the_arm(bench, bad, where):
    bench.arm()
    bench.move(x=0.08)
    bench.step(10)
    clock, now = bench.clock, bench.now
    if where == "translation":
        assert bench.move(y=bad).cuts == (Reason.NOT_FINITE,)
    elif where == "yaw":
        bench.move(yaw=bad)
    elif where == "position":
        bench.driver.measured(np.array([bad, 0, 0]), 0.0, clock, clock, now)
    elif where == "measured yaw":
        bench.driver.measured(bench.position, bad, clock, clock, now)
    else:
        bench.driver.gripper(bad, clock, clock, now)
    assert bench.driver.faults == (Reason.NOT_FINITE,)
    bench.until_still()
    assert_stopped(bench)
    assert_within_limits(bench)


def test_after_a_fault_the_measured_pose_is_held(make_bench):
    bench = make_bench(Output.POSE)
    bench.arm()
    bench.move(x=0.1)
    bench.step(25)
    bench.silent.add("camera")
    bench.blocked = True  # the arm stands still where it is, the set point is ahead of it
    ahead = np.linalg.norm(bench.sent[-1].pose.position - bench.position)
    assert ahead > 0.005
    bench.step(40)
    bench.until_still()
    assert bench.driver.state == DriverState.HOLDING
    np.testing.assert_allclose(bench.sent[-1].pose.position, bench.position, atol=2e-4)
    assert_within_limits(bench)


def test_an_old_measurement_is_not_gone_back_to(make_bench):
    bench = make_bench(Output.POSE)
    bench.arm()
    bench.move(x=0.1)
    bench.step(20)
    bench.silent.add("pose")
    bench.until_still()
    directions = [setpoint.velocity @ [np.cos(0.3), np.sin(0.3), 0] for setpoint in bench.sent]
    assert min(directions) >= -SLACK
    assert_within_limits(bench)


def test_two_agents_stop_the_arm(bench):
    bench.arm()
    bench.move(x=0.09)
    bench.step(10)
    assert bench.move(x=-0.05, writer="another").cuts == (Reason.SECOND_WRITER,)
    assert bench.driver.faults == (Reason.SECOND_WRITER,)
    bench.until_still()
    assert_stopped(bench)


def test_an_agent_may_take_over_from_one_long_silent(bench):
    bench.arm()
    bench.move(x=0.02)
    bench.until_still()
    bench.step(250)
    assert bench.move(x=0.02, writer="another").cuts == ()
    assert bench.driver.state == DriverState.ARMED


@pytest.mark.parametrize("jump", [-50.0, -1.0])
def test_a_clock_that_goes_back_stops_the_arm_until_resumed(bench, jump):
    bench.arm()
    bench.move(x=0.09)
    bench.step(10)
    bench.clock_offset = jump
    bench.step()
    assert Reason.CLOCK_JUMP in bench.driver.faults
    bench.until_still()
    assert_stopped(bench)
    assert bench.driver.resume(bench.now) == ()
    bench.move(x=-0.03)
    bench.until_still()
    assert bench.driver.state == DriverState.ARMED
    assert_within_limits(bench)


def test_a_stamp_in_the_future_is_a_fault(bench):
    bench.arm()
    bench.driver.camera(bench.clock + 1.0, bench.clock, bench.now)
    bench.step()
    assert Reason.CLOCK_JUMP in bench.driver.faults


def test_steady_time_going_back_does_not_move_the_arm(bench):
    bench.arm()
    bench.move(x=0.09)
    before = bench.step(20)
    after = bench.driver.tick(bench.now - 5.0)
    np.testing.assert_array_equal(after.pose.position, before.pose.position)
    assert bench.driver.faults == (Reason.CLOCK_JUMP,)


def test_an_old_command_and_one_that_was_overtaken_are_refused(bench):
    bench.arm()
    action = Action(np.float32([0.05, 0, 0]), 0.0)
    late = MotionCommand(action, "agent", 5, bench.clock - 0.6)
    assert bench.driver.command(late, bench.clock, bench.now).cuts == (Reason.OLD,)
    future = MotionCommand(action, "agent", 5, bench.clock + 0.6)
    assert bench.driver.command(future, bench.clock, bench.now).cuts == (Reason.OLD,)
    newest = MotionCommand(action, "agent", 6, bench.clock)
    assert bench.driver.command(newest, bench.clock, bench.now).cuts == ()
    overtaken = MotionCommand(action, "agent", 4, bench.clock)
    assert bench.driver.command(overtaken, bench.clock, bench.now).cuts == (Reason.OLD,)


def test_only_an_explicit_resume_ends_a_hold_and_the_motion_is_forgotten(bench):
    bench.arm()
    bench.move(x=0.1)
    bench.step(10)
    bench.silent.add("camera")
    bench.step(100)
    bench.silent.clear()
    bench.until_still()
    assert bench.driver.state == DriverState.HOLDING
    assert bench.move(x=0.05).cuts == (Reason.NOT_ARMED,)
    with pytest.raises(InvalidInput, match="HOLDING"):
        bench.driver.arm(bench.now)
    assert bench.driver.resume(bench.now) == ()
    still = bench.position.copy()
    bench.step(100)
    np.testing.assert_allclose(bench.position, still, atol=0.002)
    assert bench.driver.faults == ()


def test_a_repeated_command_of_before_a_fault_does_not_start_again(bench):
    bench.arm()
    bench.move(x=0.1)
    bench.step(5)
    bench.driver.gripper(np.nan, bench.clock, bench.clock, bench.now)
    bench.until_still()
    assert bench.driver.resume(bench.now) == ()
    bench.driver.command(bench.last_command, bench.last_command.stamp, bench.now)
    assert not bench.driver.moving


def test_resume_is_refused_while_the_fault_lasts(bench):
    bench.arm()
    bench.silent.add("gripper")
    bench.step(100)
    assert bench.driver.resume(bench.now) == (Reason.GRIPPER_STALE,)
    assert bench.driver.state == DriverState.HOLDING


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


def test_a_terminating_command_brakes_without_a_fault(bench):
    bench.arm()
    bench.move(x=0.1)
    bench.step(20)
    bench.move(x=0.1, terminate=True)
    bench.until_still()
    assert bench.driver.state == DriverState.ARMED
    assert_within_limits(bench)


def test_a_hand_that_is_held_up_is_not_pressed_on(make_bench):
    bench = make_bench(Output.POSE)
    bench.arm()
    bench.blocked = True
    bench.move(z=-0.09)
    bench.until_still()
    leads = [np.linalg.norm(setpoint.pose.position - bench.position) for setpoint in bench.sent]
    assert max(leads) < bench.settings.lead + 0.01
    assert leads[-1] < 2e-4
    assert not bench.driver.moving and bench.driver.state == DriverState.ARMED
    assert_within_limits(bench)


def test_an_arm_that_is_carried_away_is_a_fault(make_bench):
    bench = make_bench(Output.POSE)
    bench.arm()
    bench.step()
    bench.position = bench.position + np.array([0.15, 0, 0])
    bench.blocked = True
    bench.step()
    assert bench.driver.faults == (Reason.NOT_FOLLOWING,)


def test_a_hand_outside_the_box_or_a_tool_that_leans_is_a_fault(bench):
    bench.arm()
    bench.driver.measured(np.array([0.0, 0.0, -0.03]), 0.0, bench.clock, bench.clock, bench.now)
    bench.driver.tick(bench.now)
    assert Reason.OUTSIDE in bench.driver.faults
    other = type(bench)(bench.output)
    other.arm()
    other.driver.measured(other.position, 0.0, other.clock, other.clock, other.now, tilt=0.3)
    other.driver.tick(other.now)
    assert other.driver.faults == (Reason.TILTED,)


def test_the_jaw_keeps_its_command_through_a_fault_and_always_has_a_limited_effort(bench):
    bench.arm()
    assert bench.step().gripper == GripperCommand.KEEP
    bench.move(gripper=GripperCommand.CLOSE)
    began = bench.now
    bench.until_still()
    assert bench.now - began >= bench.settings.gripper_time
    bench.silent.add("camera")
    setpoint = bench.step(200)
    assert bench.driver.state == DriverState.HOLDING
    assert setpoint.gripper == GripperCommand.CLOSE
    assert 0 < setpoint.effort <= bench.settings.gripper_effort


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


def test_worst_delay_from_the_last_valid_input_to_the_stop_command(bench):
    """A hundred faults at random moments: the set point slows down within the age limit and one tick."""
    rng = np.random.default_rng(0)
    for _ in range(100):
        fresh = type(bench)(bench.output)
        fresh.arm()
        source = str(rng.choice(["camera", "gripper", "pose"]))
        fresh.step(int(rng.integers(1, 20)))
        fresh.silent.add(source)
        last = fresh.now
        while fresh.driver.state == DriverState.ARMED:
            fresh.step(dt=float(rng.uniform(0.002, 0.02)))
        assert fresh.now - last <= getattr(fresh.settings.ages, source) + 0.02


small = st.floats(-0.15, 0.15)
anything = st.one_of(small, st.floats(allow_nan=True, allow_infinity=True, width=32))
events = st.one_of(
    st.tuples(st.just("move"), small, small, small, st.floats(-2, 2), st.sampled_from(GripperCommand)),
    st.tuples(st.just("bad move"), anything, anything, anything, anything),
    st.tuples(st.just("silence"), st.sampled_from(["camera", "gripper", "pose", "agent"])),
    st.tuples(st.just("speak")),
    st.tuples(st.just("clock"), st.floats(-100, 100)),
    st.tuples(st.just("push"), small, small, small),
    st.tuples(st.just("block"), st.booleans()),
    st.tuples(st.just("measure"), anything),
    st.tuples(st.just("intruder")),
    st.tuples(st.just("resume")),
    st.tuples(st.just("disarm")),
)
runs = st.lists(st.tuples(events, st.integers(1, 40), st.floats(0.001, 0.2)), max_size=25)


def apply(bench, event):
    kind, *values = event
    driver = bench.driver
    if kind in ("move", "bad move"):
        bench.move(*values)
    elif kind == "silence":
        bench.alive = bench.alive and values[0] != "agent"
        bench.silent.add(values[0])
    elif kind == "speak":
        bench.alive = True
        bench.silent.clear()
    elif kind == "clock":
        bench.clock_offset = values[0]
    elif kind == "push":
        bench.position = bench.settings.step.workspace.clip(bench.position + np.array(values))
    elif kind == "block":
        bench.blocked = values[0]
    elif kind == "measure":
        driver.measured(np.array([values[0], 0.0, 0.1]), 0.0, bench.clock, bench.clock, bench.now)
    elif kind == "intruder":
        bench.move(x=0.05, writer="intruder")
    elif kind == "resume" and driver.state == DriverState.HOLDING:
        driver.resume(bench.now)
    elif kind == "resume" and driver.state == DriverState.DISARMED:
        assert_within_limits(bench)
        driver.arm(bench.now)
        bench.sent.clear()  # armed anew, the set point begins where the arm is by then
        bench.times.clear()
    elif kind == "disarm":
        driver.disarm()


@pytest.mark.parametrize("output", list(Output))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(run=runs)
def test_whatever_happens_every_set_point_keeps_the_limits_and_the_last_is_a_stop(make_bench, output, run):
    bench = make_bench(output)
    bench.arm()
    for event, ticks, dt in run:
        apply(bench, event)
        bench.step(ticks, dt)
    bench.silent.update(["camera", "gripper", "pose"])
    bench.alive = False
    for _ in range(500):
        bench.step()
    assert bench.driver.state in (DriverState.HOLDING, DriverState.DISARMED)
    assert_within_limits(bench)
    if bench.sent:
        assert not bench.sent[-1].velocity.any() and bench.sent[-1].yaw_rate == 0
        if bench.driver.state == DriverState.HOLDING:
            assert bench.driver.faults
            assert_stopped(bench)
