"""The arm does what it is asked, within its limits."""

from dataclasses import replace

import numpy as np
import pytest

from qtopt_agent.core.action import GripperCommand
from qtopt_agent.safety.arm_driver import ArmDriverCore
from qtopt_agent.safety.commands import DriverState
from qtopt_agent.safety.driver_settings import Output
from qtopt_agent.safety.reasons import Reason

from .conftest import SLACK, assert_within_limits


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


def test_a_terminating_command_brakes_without_a_fault(bench):
    bench.arm()
    bench.move(x=0.1)
    bench.step(20)
    bench.move(x=0.1, terminate=True)
    bench.until_still()
    assert bench.driver.state == DriverState.ARMED
    assert_within_limits(bench)


def test_a_tool_that_contacts_have_turned_points_down_again_while_the_arm_moves_and_only_then(make_bench):
    bench = make_bench(Output.TWIST)
    bench.arm()
    bench.lean = np.array([0.12, -0.1])
    bench.step(50)
    np.testing.assert_array_equal(bench.lean, [0.12, -0.1])
    for motion in range(8):
        bench.move(x=0.1 * (-1) ** motion)
        bench.until_still()
    assert np.hypot(*bench.lean) < 0.02
    assert not bench.sent[-1].upright_rate.any()
    assert_within_limits(bench)


def test_a_stop_ends_also_the_straightening_of_the_tool(make_bench):
    bench = make_bench(Output.TWIST, lean=np.array([0.15, 0.0]))
    bench.arm()
    bench.move(x=0.1)
    assert bench.step(20).upright_rate[0] < -0.1
    bench.silent.add("camera")
    bench.until_still()
    assert bench.driver.state == DriverState.HOLDING
    assert not bench.sent[-1].upright_rate.any() and bench.lean[0] > 0.05
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


def test_what_an_arm_falls_short_of_its_velocities_does_not_add_up(make_bench):
    """An agent may have its next command ready at once; each motion is planned from where the hand is."""
    bench = make_bench(Output.TWIST, start=(-0.15, 0.0, 0.15), yaw=0.0, heeds=0.97)
    bench.arm()
    for _ in range(12):
        goal = bench.position[0] + 0.02
        bench.move(x=0.02)
        while bench.driver.moving:
            bench.step()
        assert goal - bench.position[0] == pytest.approx(0.03 * 0.02, abs=2e-4)


def test_a_hand_of_which_no_pose_comes_for_a_while_is_not_taken_for_held_up(make_bench):
    bench = make_bench(Output.POSE)
    bench.settings = replace(bench.settings, patience=0.1)
    bench.driver = ArmDriverCore(bench.settings)
    bench.arm()
    bench.move(x=0.09)
    bench.step(5)
    bench.silent.add("pose")
    bench.step(15)
    assert bench.driver.moving
    bench.silent.clear()
    bench.until_still()
    assert np.linalg.norm(bench.position - bench.start) == pytest.approx(0.09, abs=0.005)


def test_nor_is_one_that_is_told_to_end_its_motion_before_that_is_noticed(make_bench):
    bench = make_bench(Output.POSE)
    bench.arm()
    bench.blocked = True
    bench.move(z=-0.09)
    while np.linalg.norm(bench.step().pose.position - bench.position) < 0.02:
        assert bench.driver.moving
    bench.move(terminate=True)
    bench.step(300)
    assert np.linalg.norm(bench.sent[-1].pose.position - bench.position) < 2e-4
    assert bench.driver.state == DriverState.ARMED
    assert_within_limits(bench)


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
