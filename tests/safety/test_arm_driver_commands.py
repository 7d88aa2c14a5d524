"""Who may command, with which commands, and how a hold ends."""

import numpy as np
import pytest

from qtopt_agent.core.action import Action
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.safety.commands import DriverState, MotionCommand
from qtopt_agent.safety.reasons import Reason

from .conftest import assert_stopped


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


def test_an_agent_may_take_over_at_once_from_one_that_has_given_up(bench):
    bench.arm()
    bench.move(x=0.09)
    bench.step(10)
    bench.move(terminate=True)
    ended = bench.last_command
    assert bench.move(x=-0.02, writer="another").cuts == ()
    bench.driver.command(ended, bench.clock, bench.now)  # said once more, and late
    assert bench.driver.state == DriverState.ARMED and bench.driver.report.asked.writer == "another"
    bench.alive = False
    assert bench.move(x=0.02).cuts == (Reason.SECOND_WRITER,)  # whoever has given up does not command again


def test_an_agent_that_moves_on_after_giving_up_has_not(bench):
    bench.arm()
    bench.move(terminate=True)
    bench.move(x=0.02)
    bench.until_still()
    assert bench.move(x=-0.02, writer="another").cuts == (Reason.SECOND_WRITER,)


def test_two_that_speak_in_one_agents_name_stop_the_arm(bench):
    bench.arm()
    bench.move(x=0.09)
    bench.step(10)
    action = Action(np.float32([-0.05, 0, 0]), 0.0)
    borrowed = MotionCommand(action, "agent", bench.sequence + 1, bench.clock)
    assert bench.driver.command(borrowed, bench.clock, bench.now).cuts == ()  # nothing tells it apart
    bench.step()  # but the agent repeats its own
    assert bench.driver.faults == (Reason.SECOND_WRITER,)
    bench.until_still()
    assert_stopped(bench)


def test_neither_refused_nor_old_commands_are_a_sign_of_life(bench):
    bench.arm()
    bench.move(x=0.1)
    bench.alive = False
    began = bench.now
    while bench.driver.state == DriverState.ARMED and bench.now < began + 2:
        old = MotionCommand(bench.last_command.action, "agent", bench.sequence + 1, bench.clock - 1.0)
        assert bench.driver.command(old, bench.clock, bench.now).cuts == (Reason.OLD,)
        bench.step()
    assert bench.driver.faults == (Reason.COMMAND_STALE,)


@pytest.mark.parametrize(("writer", "sequence"), [("", 1), ("agent", 0)])
def test_a_command_of_nobody_is_none(writer, sequence):
    with pytest.raises(InvalidInput, match="writer"):
        MotionCommand(Action(np.zeros(3, np.float32), 0.0), writer, sequence, 1.0)


def test_an_old_command_is_refused(bench):
    bench.arm()
    action = Action(np.float32([0.05, 0, 0]), 0.0)
    late = MotionCommand(action, "agent", 5, bench.clock - 0.6)
    assert bench.driver.command(late, bench.clock, bench.now).cuts == (Reason.OLD,)
    future = MotionCommand(action, "agent", 5, bench.clock + 0.6)
    assert bench.driver.command(future, bench.clock, bench.now).cuts == (Reason.OLD,)
    newest = MotionCommand(action, "agent", 6, bench.clock)
    assert bench.driver.command(newest, bench.clock, bench.now).cuts == ()


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
