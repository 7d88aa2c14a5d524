"""A person's hand: what devices say, and that an arm moves by it only while somebody holds it."""

import numpy as np
import pytest

from qtopt_agent.agent.devices import KEY_HOLDS, KEY_MOVES, Keys, Stick
from qtopt_agent.agent.jog import ABANDONED, PAUSE, Jog
from qtopt_agent.agent.values import DriverStatus
from qtopt_agent.core.action import Action, GripperCommand
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.safety.arm_driver import ArmDriverCore
from qtopt_agent.safety.commands import NOTHING, STOP, DriverState, MotionCommand
from qtopt_agent.safety.driver_settings import DriverSettings, Output
from qtopt_agent.safety.limits import MotionLimits, WorkspaceBox

SCALES = (-0.02, 0.02, 0.02, 0.2)
HOLD, CLOSE, OPEN, END, SUCCESS, FAILURE = range(6)


def stick(buttons=(HOLD, CLOSE, OPEN, END, SUCCESS, FAILURE)):
    return Stick((0, 1, 2, 3), SCALES, buttons)


def pressed(*names, count=6):
    return [int(i in names) for i in range(count)]


def test_a_stick_moves_along_its_axes_only_while_its_button_is_held():
    device = stick()
    device.heard([1.0, -0.5, 0.05, 1.0], pressed(), 0.0)
    assert device.wants(0.0).action is None
    device.heard([1.0, -0.5, 0.05, 1.0], pressed(HOLD), 0.0)
    action = device.wants(0.1).action
    np.testing.assert_allclose(action.translation, [-0.02, -0.01, 0.0])  # 0.05 is the dead zone's
    assert action.yaw == pytest.approx(0.2) and action.gripper == GripperCommand.KEEP and not action.terminate


def test_a_stick_that_falls_silent_wants_nothing_and_says_that_it_may_be_dead():
    device = stick()
    device.heard([1.0] * 4, pressed(HOLD), 0.0)
    assert not device.wants(0.29).silent
    wants = device.wants(0.31)
    assert wants.silent and wants.action is None


@pytest.mark.parametrize("broken", [np.nan, np.inf, 100.0])
def test_a_deflection_that_no_stick_has_counts_as_none(broken):
    device = stick()
    device.heard([broken] * 4, pressed(HOLD), 0.0)
    assert device.wants(0.0).action.still


def test_a_device_with_fewer_axes_and_buttons_than_told_is_used_as_far_as_it_goes():
    device = stick()
    device.heard([1.0], [1], 0.0)
    np.testing.assert_allclose(device.wants(0.0).action.translation, [-0.02, 0, 0])


def test_buttons_move_the_jaw_end_the_attempt_and_label_once():
    device = stick()
    for button, jaw in ((CLOSE, GripperCommand.CLOSE), (OPEN, GripperCommand.OPEN)):
        device.heard([0.0] * 4, pressed(HOLD, button), 0.0)
        assert device.wants(0.0).action.gripper == jaw
    device.heard([0.0] * 4, pressed(HOLD, END), 0.0)
    assert device.wants(0.0).action.terminate
    device.heard([0.0] * 4, pressed(FAILURE), 0.0)
    device.heard([0.0] * 4, pressed(FAILURE), 0.1)
    assert [device.wants(0.1).label, device.wants(0.1).label] == [False, None]
    device.heard([0.0] * 4, pressed(SUCCESS), 0.2)
    assert device.wants(0.2).label is True


def test_one_button_closes_and_opens_in_turn():
    device = stick((0, 1, 1, -1, -1, -1))
    found = []
    for time in range(3):
        device.heard([], [1, 0], time)
        device.heard([], [1, 1], time)
        found.append(device.wants(time).action.gripper)
    assert found == [GripperCommand.CLOSE, GripperCommand.OPEN, GripperCommand.CLOSE]


def test_a_mapping_without_a_button_to_hold_or_of_another_length_is_refused():
    with pytest.raises(InvalidInput, match="held"):
        stick((-1, 1, 2, 3, 4, 5))
    with pytest.raises(InvalidInput, match="axes"):
        Stick((0, 1), SCALES, range(6))


def test_a_key_moves_the_hand_keeps_hold_a_little_longer_and_lets_go():
    keys = Keys(0.02, 0.2)
    keys.pressed("w", 0.0)
    np.testing.assert_allclose(keys.wants(KEY_MOVES).action.translation, [0, 0.02, 0])
    assert keys.wants(KEY_MOVES + 0.01).action.still
    assert keys.wants(KEY_HOLDS + 0.01).action is None
    keys.pressed("?", 1.0)
    assert keys.wants(1.0).action is None


def test_keys_turn_close_end_and_label():
    keys = Keys(0.02, 0.2)
    for key, what in (("q", "yaw"), ("c", "gripper"), ("x", "terminate")):
        keys.pressed(key, 0.0)
        assert getattr(keys.wants(0.0).action, what)
    keys.pressed("n", 0.0)
    assert [keys.wants(0.0).label, keys.wants(0.0).label] == [False, None]
    assert keys.wants(0.0).action.terminate  # a label moves nothing and lets nothing go


SIDE = Action(np.float32([0.02, 0, 0]), 0.0)


class Jogged:
    """A jog before a real driver on invented time."""

    def __init__(self):
        self.now = 10.0
        box = WorkspaceBox((-0.2, -0.2, 0.0), (0.2, 0.2, 0.3))
        self.driver = ArmDriverCore(DriverSettings(MotionLimits(box, 0.11, 1.2), Output.POSE))
        self.position, self.sent = np.array([0.0, 0.0, 0.2]), []
        self.jog = Jog("person")
        self.run(None, 0.1)
        assert self.driver.arm(self.now) == ()

    def run(self, wanted, seconds):
        for _ in range(round(seconds / 0.01)):
            self.now += 0.01
            for heard in (self.driver.camera,):
                heard(self.now, self.now, self.now)
            self.driver.gripper(0.08, self.now, self.now, self.now)
            self.driver.measured(self.position, 0.0, self.now, self.now, self.now)
            setpoint = self.driver.tick(self.now)
            if setpoint is not None and setpoint.streaming:
                self.position = setpoint.pose.position
            self.tell()
            command = self.jog.tick(wanted, self.now, self.now)
            if command is not None:
                self.sent.append(command)
                self.driver.command(command, self.now, self.now)

    def tell(self):
        report = self.driver.report
        about = (report.asked.writer, report.asked.sequence, report.allowed) if report else ("", 0, NOTHING)
        self.jog.status(DriverStatus(self.driver.state, self.driver.moving, *about), self.now)


def test_a_jog_moves_the_arm_while_it_is_wanted_and_ends_with_a_stop():
    jogged = Jogged()
    jogged.run(SIDE, 1.5)
    assert jogged.position[0] > 0.04
    jogged.run(None, 0.3)
    assert jogged.sent[-1].action.terminate and not jogged.jog.moves
    where = jogged.position
    jogged.run(None, 1.0)
    np.testing.assert_allclose(jogged.position, where, atol=0.003)
    assert jogged.driver.state == DriverState.ARMED


def test_who_had_the_arm_before_or_has_it_after_a_jog_does_not_fight_with_it():
    jogged = Jogged()
    for _ in range(2):
        jogged.driver.command(MotionCommand(SIDE, "agent", 1 + len(jogged.sent), jogged.now), jogged.now, jogged.now)
        sent = len(jogged.sent)
        jogged.run(SIDE, 0.6)
        assert jogged.jog.taken and len(jogged.sent) == sent
        jogged.driver.command(MotionCommand(STOP, "agent", 2 + len(jogged.sent), jogged.now), jogged.now, jogged.now)
        jogged.run(SIDE, 0.6)
        assert len(jogged.sent) > sent
        jogged.run(None, 0.3)
    assert jogged.driver.faults == ()


def test_an_arm_whose_writer_has_died_can_be_jogged_after_a_while():
    jogged = Jogged()
    jogged.driver.command(MotionCommand(SIDE, "agent", 1, jogged.now), jogged.now, jogged.now)
    jogged.run(None, 0.3)
    if jogged.driver.state != DriverState.ARMED:
        jogged.run(None, 1.0)
        assert jogged.driver.resume(jogged.now) == ()
    jogged.run(SIDE, ABANDONED - 1.5)
    assert not jogged.sent
    jogged.run(SIDE, 2.0)
    assert jogged.sent and jogged.driver.state == DriverState.ARMED


def test_a_jog_waits_before_its_first_motion_and_moves_nothing_without_an_armed_driver():
    jogged = Jogged()
    jogged.run(SIDE, PAUSE - 0.05)
    assert not jogged.sent
    jogged.run(None, 0.05)
    jogged.driver.disarm()
    jogged.run(SIDE, 1.0)
    assert not jogged.sent
    assert Jog("person").tick(SIDE, 0.0, 0.0) is None


def test_a_hand_that_wants_nothing_stops_the_arm():
    jogged = Jogged()
    jogged.run(SIDE, 0.6)
    jogged.run(NOTHING, 0.2)
    assert jogged.sent[-1].action.terminate
