"""The arm stops for good when anything is wrong."""

from dataclasses import replace

import numpy as np
import pytest

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.safety.arm_driver import ArmDriverCore
from qtopt_agent.safety.commands import DriverState
from qtopt_agent.safety.driver_settings import Output
from qtopt_agent.safety.reasons import Reason

from .conftest import SLACK, TICK, assert_stopped, assert_within_limits


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


def test_an_arm_that_is_carried_away_is_a_fault(make_bench):
    bench = make_bench(Output.POSE)
    bench.arm()
    bench.step()
    bench.blocked = True
    for _ in range(30):
        bench.position = bench.position + np.array([0.005, 0, 0])
        bench.step()
    assert bench.driver.faults == (Reason.NOT_FOLLOWING,)


def test_an_old_pose_that_comes_late_does_not_pass_for_the_fresh_one(make_bench):
    bench = make_bench(Output.POSE)
    bench.arm()
    before = bench.position
    bench.driver.measured(before + np.array([0.05, 0, 0]), bench.yaw, bench.clock - 0.1, bench.clock, bench.now)
    bench.move(z=0.02)
    bench.until_still()
    np.testing.assert_allclose(bench.position, before + np.array([0, 0, 0.02]), atol=2e-3)


def test_a_hand_outside_the_box_or_a_tool_that_leans_is_a_fault(bench):
    bench.position = np.array([0.0, 0.0, 0.005])
    bench.arm()
    bench.now += TICK
    bench.driver.measured(np.array([0.0, 0.0, -0.025]), 0.0, bench.clock, bench.clock, bench.now)
    bench.driver.tick(bench.now)
    assert Reason.OUTSIDE in bench.driver.faults
    other = type(bench)(bench.output)
    other.arm()
    other.now += TICK
    other.driver.measured(other.position, 0.0, other.clock, other.clock, other.now, np.array([0.2, -0.2]))
    other.driver.tick(other.now)
    assert other.driver.faults == (Reason.TILTED,)


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


IN_DOUBT = {
    "one wrong pose": lambda bench: bench.wrong_pose(np.array([0.15, 0.1, 0.1])),
    "two wrong poses": lambda bench: [bench.wrong_pose(bench.position + np.array([0, 0.05, 0])) for _ in range(2)],
    "frozen": lambda bench: bench.frozen.update(pose=bench.clock),
    "mute": lambda bench: bench.silent.add("pose"),
    "NaN": lambda bench: bench.wrong_pose(np.array([np.nan, 0, 0])),
    "shoved": lambda bench: setattr(bench, "shove", np.array([0.03, 0, 0])),
    "another clock": lambda bench: setattr(bench, "clock_offset", -3.0),
}


@pytest.mark.parametrize("moving", [False, True])
@pytest.mark.parametrize("how", IN_DOUBT)
def test_a_pose_in_doubt_is_no_place_to_go_though_good_ones_follow(make_bench, how, moving):
    bench = make_bench(Output.POSE)
    bench.arm()
    if moving:
        bench.move(x=0.09)
    bench.step(30)
    IN_DOUBT[how](bench)
    began = bench.now
    while bench.driver.state == DriverState.ARMED and bench.now < began + 2:
        bench.step()
    stopped = bench.sent[-1].pose.position
    bench.step(20)
    bench.silent.clear()
    bench.frozen.clear()
    bench.shove = np.zeros(3)
    bench.step(300)
    assert bench.driver.state == DriverState.HOLDING
    braking = bench.settings.rates.speed**2 / (2 * bench.settings.rates.acceleration)
    went = bench.sent[-1].pose.position - stopped
    assert np.linalg.norm(went) <= (braking if moving else 0.0) + SLACK
    assert_stopped(bench)
    assert_within_limits(bench)


def test_no_set_point_leads_a_hand_by_more_than_the_lead_and_the_way_to_brake(make_bench):
    bench = make_bench(Output.POSE)
    bench.arm()
    bench.move(x=0.09)
    bench.step(30)
    bench.wrong_pose(bench.position + np.array([0.08, 0, 0]))  # not far enough to be called lost
    bench.until_still()
    assert bench.driver.faults == (Reason.POSE_JUMP,)
    leads = [np.linalg.norm(pose - sent.pose.position) for pose, sent in zip(bench.places, bench.sent, strict=True)]
    assert max(leads) <= bench.settings.lead + bench.settings.braking + SLACK


def test_arming_waits_for_a_pose_that_the_next_agrees_with(make_bench):
    bench = make_bench(Output.POSE)
    bench.step(3)
    bench.wrong_pose(np.array([0.1, 0.1, 0.1]))
    assert bench.driver.arm(bench.now) == (Reason.POSE_JUMP,)
    bench.step()  # back: a jump again
    assert bench.driver.arm(bench.now) == (Reason.POSE_JUMP,)
    bench.step()
    assert bench.driver.arm(bench.now) == ()
    np.testing.assert_allclose(bench.step().pose.position, bench.position, atol=1e-9)


@pytest.mark.parametrize("moving", [False, True])
def test_a_driver_that_was_held_up_stays_where_the_arm_is_until_resumed(bench, moving):
    bench.arm()
    if moving:
        bench.move(x=0.09)
    bench.step(20)
    bench.now += 0.6  # in which the stop guard may have spoken
    bench.sense()
    assert bench.driver.tick(bench.now) is None
    sent = len(bench.sent)
    bench.step(100)
    assert bench.driver.state == DriverState.HOLDING and bench.driver.faults == (Reason.DRIVER_LATE,)
    assert not any(each.velocity.any() for each in bench.sent[sent:])
    bench.move(x=0.09)
    bench.step(20)
    assert not bench.sent[-1].velocity.any()
    assert bench.driver.resume(bench.now) == ()


def test_a_driver_that_was_overruled_by_the_guard_stops_until_resumed(bench):
    bench.arm()
    bench.move(x=0.09)
    bench.step(20)
    bench.driver.overruled()
    bench.until_still()
    assert bench.driver.faults == (Reason.GUARD_SPOKE,) and bench.driver.state == DriverState.HOLDING
    assert_stopped(bench)
    assert bench.driver.resume(bench.now) == ()


def test_a_stranger_on_the_set_points_stops_the_arm_and_keeps_it_stopped_while_there(bench):
    bench.arm()
    bench.move(x=0.09)
    bench.step(20)
    bench.driver.watched(["/intruder"])
    bench.until_still()
    assert bench.driver.faults == (Reason.FOREIGN_SETPOINTS,)
    assert_stopped(bench)
    assert_within_limits(bench)
    assert Reason.FOREIGN_SETPOINTS in bench.driver.resume(bench.now)
    bench.driver.watched([])
    assert bench.driver.resume(bench.now) == ()


@pytest.mark.parametrize("source", ["camera", "gripper", "pose"])
def test_what_nobody_has_stamped_is_no_measurement_and_no_jump_of_the_clock(bench, source):
    bench.arm()
    bench.frozen[source] = 0.0
    bench.step(100)
    assert bench.driver.faults == (Reason[f"{source.upper()}_STALE"],)


def test_an_arm_that_takes_twists_may_be_resumed_where_it_has_drifted_to(make_bench):
    bench = make_bench(Output.TWIST)
    bench.arm()
    bench.move(x=0.09)
    bench.step(20)
    bench.silent.add("camera")
    bench.until_still()
    bench.silent.clear()
    for _ in range(40):
        bench.position = bench.position + np.array([0, 0.003, 0])
        bench.step()
    assert bench.driver.resume(bench.now) == ()
    here = bench.position
    bench.step(50)
    np.testing.assert_allclose(bench.position, here, atol=SLACK)
