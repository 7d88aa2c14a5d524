"""What stands between an agent and an arm: guards commands, watches the inputs, and turns both into set points.

No safety-rated stop: it runs in an ordinary process, and an emergency stop has to be within reach.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.action import GripperCommand
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.safety.commanded_motion import CommandedMotion
from qtopt_agent.safety.commands import NOTHING, STOP, CommandReport, DriverState, MotionCommand, Setpoint
from qtopt_agent.safety.driver_settings import DriverSettings, Output
from qtopt_agent.safety.limits import guard
from qtopt_agent.safety.measured_tip import MeasuredTip
from qtopt_agent.safety.motion import Pose, Reference, shortened
from qtopt_agent.safety.reasons import Reason
from qtopt_agent.safety.watchdog import TOLERANCE, Watchdog

LOOK_AHEAD = 1.5  # periods: a stop has to leave before an input's limit, and the next tick may be half a period late
STRAIGHTENING = 1.0  # 1/s: the rate at which a lean goes, of what there is of it
POINTS_DOWN = np.zeros(2)
MAX_TICK = 0.1  # s: a set point never moves further than in this time, however late the tick comes
FRESH = 0.1  # s: an older pose may be of before the arm was moved by hand, or a simulator laid out anew

# After these nobody knows for sure where the arm is: its measured pose is no place to go to.
_DOUBTS = frozenset(
    {
        Reason.POSE_STALE,
        Reason.NOT_FINITE,
        Reason.CLOCK_JUMP,
        Reason.OUTSIDE,
        Reason.TILTED,
        Reason.NOT_FOLLOWING,
        Reason.POSE_JUMP,
        Reason.FOREIGN_SETPOINTS,
    }
)


class ArmDriverCore:
    """Disarmed at first. `now` is steady time, s, everywhere; `clock` the time of the clock that stamps messages, s.

    Feed it with `camera`, `gripper`, `measured` and `command`, and send what `tick` returns, 50 times a second or more.
    On a fault it slows down within the limits, holds where the arm was measured to be, or where the set point came to
    rest if that is in doubt, and waits for `resume`.
    """

    def __init__(self, settings: DriverSettings) -> None:
        self.settings = settings
        self.state = DriverState.DISARMED
        self.faults: tuple[Reason, ...] = ()
        self.report: CommandReport | None = None
        self.strangers: tuple[str, ...] = ()
        """Who else publishes set points to this arm."""
        self._watchdog = Watchdog(settings.ages)
        self._tip = MeasuredTip(settings)
        self._reference: Reference | None = None
        self._rest: Pose | None = None
        self._upright_rate = np.zeros(2)
        self._motion: CommandedMotion | None = None
        self._after_stop = DriverState.HOLDING
        self._gripper = GripperCommand.KEEP
        self._writer, self._last_sequence = "", 0
        self._command_heard = -np.inf
        self._ended: tuple[str, int] | None = None  # writer and sequence of the last command to terminate
        self._last_tick: float | None = None
        self._held_up = False

    @property
    def moving(self) -> bool:
        """Whether a commanded motion is under way."""
        return self._motion is not None

    def ages(self, now: float) -> dict[str, float]:
        """Age of the newest camera, gripper and pose message, s; infinite where none has come."""
        return self._watchdog.ages(now)

    def arm(self, now: float) -> tuple[Reason, ...]:
        """Allow motion from now on. Returns why not: empty if it is armed."""
        return self._release(DriverState.DISARMED, now)

    def resume(self, now: float) -> tuple[Reason, ...]:
        """Go on after a fault, from rest, without the motion it cut short. Returns why not: empty if it is armed."""
        return self._release(DriverState.HOLDING, now)

    def disarm(self) -> None:
        """Stop, then stream nothing. Forgets all faults."""
        self._motion = self._rest = None
        if self.state in (DriverState.ARMED, DriverState.STOPPING):
            self.state, self._after_stop = DriverState.STOPPING, DriverState.DISARMED
        else:
            self.state = DriverState.DISARMED
            self.faults = ()

    def camera(self, stamp: float, clock: float, now: float) -> None:
        """An image has come; `stamp` is its capture time, s."""
        self._watchdog.heard("camera", stamp, clock, now)

    def gripper(self, aperture: float, stamp: float, clock: float, now: float) -> None:
        """A gripper state has come; `aperture` in m. NaN is a fault."""
        if not np.isfinite(aperture):
            self._fail((Reason.NOT_FINITE,))
            return
        self._watchdog.heard("gripper", stamp, clock, now)

    def measured(
        self,
        position: NDArray[np.floating[Any]],
        yaw: float,
        stamp: float,
        clock: float,
        now: float,
        lean: NDArray[np.float64] = POINTS_DOWN,
    ) -> None:
        """The pose of the finger tips in the base frame has been measured: position [3], m; yaw, rad; lean [2], rad.

        lean: the turn about the base frame's x and y by which the tool is away from pointing down. NaN is a fault, and
        leaves the last good pose in force. A pose that is no newer than the last one is no news. One that the arm
        cannot have reached since the last is a fault, and believed only once the next agrees with it.
        """
        if not np.isfinite([*position, yaw, *lean]).all():
            self._fail((Reason.NOT_FINITE,))
            return
        if not self._watchdog.heard("pose", stamp, clock, now):
            return
        self._tip.take(Pose(np.asarray(position, dtype=np.float64), float(yaw)), lean, stamp)
        if self._tip.jumped:
            self._fail((Reason.POSE_JUMP,))

    def watched(self, strangers: Sequence[str]) -> None:
        """Somebody has looked who else publishes set points to this arm: nobody may."""
        self.strangers = tuple(strangers)
        if strangers:
            self._fail((Reason.FOREIGN_SETPOINTS,))

    def overruled(self) -> None:
        """The stop guard has taken this driver for dead, and has told the arm to stop."""
        self._fail((Reason.GUARD_SPOKE,))

    def command(self, command: MotionCommand, clock: float, now: float) -> CommandReport:
        """Take a command, or say why not. The accepted one repeated only says that the agent is alive.

        An agent's sequence never goes back: where it does, two speak in one name. An agent that has told the arm to
        terminate has given it up: another one may begin at once, and the first is then the second to command.
        """
        measured, reference = self._tip.pose, self._reference
        if self.state != DriverState.ARMED or measured is None or reference is None:  # an armed driver has both
            return self._refuse(command, Reason.NOT_ARMED)
        known = command.writer == self._writer
        if (command.writer, command.sequence) == self._ended and self.report is not None:
            return self.report  # said once more, and on its way while another agent may have begun
        if known and command.sequence == self._last_sequence and self.report is not None:
            self._command_heard = now
            return self.report
        if known:
            second = command.sequence < self._last_sequence
        else:
            silent = now - self._command_heard > self.settings.writer_timeout
            given_up = self._ended == (self._writer, self._last_sequence)
            second = self.moving or not (silent or given_up)
        if second:
            self._fail((Reason.SECOND_WRITER,))
            return self._refuse(command, Reason.SECOND_WRITER)
        if not -TOLERANCE <= clock - command.stamp <= self.settings.ages.command:
            return self._refuse(command, Reason.OLD)
        self._writer, self._command_heard = command.writer, now
        self._last_sequence = command.sequence
        return self._begin(command, measured, reference, now)

    def tick(self, now: float) -> Setpoint | None:
        """The set point for now. Never raises on late or early calls.

        None until a pose has been measured, and once where this comes so late that others may have moved the arm
        meanwhile: what they and the sensors said has to be heard first.
        """
        measured = self._tip.pose
        if measured is None:
            return None
        gap = 0.0 if self._last_tick is None else now - self._last_tick
        if gap > self.settings.longest_tick and self.state in (DriverState.ARMED, DriverState.STOPPING):
            self._fail((Reason.DRIVER_LATE,))
            self._held_up, self._last_tick = True, now
            return None
        if self.state == DriverState.ARMED:
            self._fail(self._found(now))
        dt = float(np.clip(gap, 0.0, MAX_TICK))
        self._last_tick = now
        was = self.state
        reference = self._reference
        if self._held_up and reference is not None:  # meanwhile the arm has come to rest, here or where the guard said
            self._held_up, self._rest, self._upright_rate = False, None, np.zeros(2)
            reference = Reference.at_rest(self._place_to_rest(reference, now))
        elif reference is None or was == DriverState.DISARMED:
            reference = Reference.at_rest(measured)
        elif was == DriverState.ARMED:
            reference = self._advance(reference, measured, dt, now)
        elif was == DriverState.STOPPING:
            reference = self._settle(reference, dt, now)
        self._reference = reference
        self._straighten(dt)
        return Setpoint(
            reference.pose,
            reference.velocity,
            reference.yaw_rate,
            self._upright_rate,
            self._gripper,
            self.settings.gripper_effort,
            self.state,
            was != DriverState.DISARMED,
        )

    def _found(self, now: float) -> tuple[Reason, ...]:
        soon = now + LOOK_AHEAD * self.settings.period
        faults = list(self._watchdog.faults(soon))
        if self._last_tick is not None and now < self._last_tick and Reason.CLOCK_JUMP not in faults:
            faults.append(Reason.CLOCK_JUMP)
        if self.moving and soon - self._command_heard > self.settings.ages.command:
            faults.append(Reason.COMMAND_STALE)
        if self._tip.pose is not None and self._distance_outside(self._tip.pose) > self.settings.margin:
            faults.append(Reason.OUTSIDE)
        if self.state != DriverState.DISARMED and self._falls_behind():
            faults.append(Reason.NOT_FOLLOWING)
        if np.hypot(*self._tip.lean) > self.settings.tilt:
            faults.append(Reason.TILTED)
        if self._tip.jumped:
            faults.append(Reason.POSE_JUMP)
        if self.strangers:
            faults.append(Reason.FOREIGN_SETPOINTS)
        return tuple(faults)

    def _release(self, expected: DriverState, now: float) -> tuple[Reason, ...]:
        if self.state != expected:
            raise InvalidInput(f"the driver is {self.state.name}, expected {expected.name}")
        # Whoever arms or resumes accepts the clock as it is; all inputs must have been heard since it jumped.
        self._watchdog.forgive()
        measured = self._tip.pose
        if measured is not None and self.settings.output == Output.TWIST:
            self._reference = Reference.at_rest(self._inside(measured))  # nobody is told this pose
        faults = self._found(now)
        if faults or measured is None:
            return faults
        if expected == DriverState.DISARMED:
            if self._watchdog.age("pose", now) > FRESH:
                return (Reason.POSE_STALE,)
            if self._distance_outside(measured) > 0:
                return (Reason.OUTSIDE,)  # the first set point is the measured pose, and every set point is inside
            self._reference = Reference.at_rest(measured)
            self._gripper = GripperCommand.KEEP
        self.state, self.faults = DriverState.ARMED, ()
        self._motion, self._command_heard = None, -np.inf  # any agent may begin
        self._rest = None
        return ()

    def _fail(self, faults: tuple[Reason, ...]) -> None:
        if not faults or self.state == DriverState.DISARMED:
            return
        self.faults = tuple(dict.fromkeys([*self.faults, *faults]))
        if self.state == DriverState.ARMED:
            self.state, self._after_stop = DriverState.STOPPING, DriverState.HOLDING
            self._motion = self._rest = None

    def _refuse(self, command: MotionCommand, reason: Reason) -> CommandReport:
        self.report = CommandReport(command, NOTHING, (reason,))
        return self.report

    def _begin(self, command: MotionCommand, measured: Pose, reference: Reference, now: float) -> CommandReport:
        action = command.action
        try:
            guarded = guard(action, measured.position, measured.yaw, self.settings.step)
        except InvalidInput:
            self._fail((Reason.NOT_FINITE,))
            return self._refuse(command, Reason.NOT_FINITE)
        if action.terminate:
            self._motion, self._rest = None, None
            self._ended = command.writer, command.sequence
            self.report = CommandReport(command, STOP)
            return self.report
        if self.settings.output == Output.TWIST and reference.standing:
            # An arm that is told velocities is never quite where they lead: what is missing must not add up.
            reference = self._reference = Reference.at_rest(self._inside(measured))
        allowed, here = guarded.action, reference.unwound(measured)
        c, s = np.cos(here.yaw), np.sin(here.yaw)
        x, y, z = (float(v) for v in allowed.translation)
        goal = Pose(here.position + np.array([c * x - s * y, s * x + c * y, z]), here.yaw + allowed.yaw)
        wait = 0.0
        if allowed.gripper not in (GripperCommand.KEEP, self._gripper):
            self._gripper, wait = allowed.gripper, self.settings.gripper_time
        self._motion, self._rest = CommandedMotion(self._inside(goal), now, wait), None
        self.report = CommandReport(command, allowed, guarded.reasons)
        return self.report

    def _advance(self, reference: Reference, measured: Pose, dt: float, now: float) -> Reference:
        settings, motion = self.settings, self._motion
        if motion is None:
            if settings.output == Output.TWIST and reference.standing:
                return Reference.at_rest(self._inside(measured))  # nobody is told this pose, so it may jump
            if settings.output == Output.TWIST or (self._rest is None and not reference.standing):
                return reference.braked(settings.rates, dt)
            if self._rest is None:  # told to end in the middle of a motion, perhaps against something
                here = self._inside(reference.unwound(measured))
                arrived = np.linalg.norm(here.position - reference.pose.position) <= settings.arrival
                self._rest = reference.pose if arrived else here
            return reference.towards(self._rest, settings.rates, settings.step.workspace, dt)
        here = reference.unwound(measured)
        ahead, turn = motion.goal.position - here.position, motion.goal.yaw - here.yaw
        distance = float(np.linalg.norm(ahead))
        led = Pose(
            here.position + ahead * min(1.0, settings.lead / max(distance, 1e-9)),
            here.yaw + float(np.clip(turn, -settings.yaw_lead, settings.yaw_lead)),
        )
        sent = reference.near(motion.goal)
        heard = now - self._watchdog.age("pose", now)
        if motion.over(distance, abs(turn), sent, settings, now, heard):
            self._rest, self._motion = motion.goal if sent else self._inside(here), None
        return reference.towards(self._inside(led), settings.rates, settings.step.workspace, dt)

    def _straighten(self, dt: float) -> None:
        """In a motion, undo what contacts have turned: an arm that is told velocities keeps it else for ever."""
        rates, wanted = self.settings.rates, np.zeros(2)
        if self.settings.output == Output.TWIST and self.moving:
            wanted = shortened(-STRAIGHTENING * self._tip.lean, rates.yaw_rate)
        self._upright_rate = self._upright_rate + shortened(wanted - self._upright_rate, rates.yaw_acceleration * dt)

    def _settle(self, reference: Reference, dt: float, now: float) -> Reference:
        """Brake; then, where poses are streamed, ease to the measured pose; then hold."""
        settings = self.settings
        if self._rest is not None and _DOUBTS.isdisjoint(self.faults):
            reference = reference.towards(self._rest, settings.rates, settings.step.workspace, dt)
        elif not reference.standing:
            return reference.braked(settings.rates, dt)
        else:
            self._rest = self._place_to_rest(reference, now)
        if reference.near(self._rest) and reference.standing and not self._upright_rate.any():
            self.state = self._after_stop
            if self.state == DriverState.DISARMED:
                self.faults = ()
        return reference

    def _place_to_rest(self, reference: Reference, now: float) -> Pose:
        """Where the arm is, if that is sure and near; else where the set point stands, so that nothing moves."""
        settings, measured = self.settings, self._tip.pose
        sure = self._watchdog.age("pose", now) <= settings.ages.pose and _DOUBTS.isdisjoint(self.faults)
        if settings.output == Output.TWIST or not sure or measured is None:
            return reference.pose
        here = self._inside(reference.unwound(measured))
        apart = float(np.linalg.norm(here.position - reference.pose.position))
        return here if apart <= settings.lead + settings.braking else reference.pose

    def _distance_outside(self, pose: Pose) -> float:
        return float(np.abs(pose.position - self.settings.step.workspace.clip(pose.position)).max())

    def _falls_behind(self) -> bool:
        """Whether the arm is further from the set point than lead and braking explain."""
        if self._tip.pose is None or self._reference is None:
            return False
        apart = np.linalg.norm(self._reference.pose.position - self._tip.pose.position)
        return bool(apart > 2 * self.settings.lead + self.settings.braking)

    def _inside(self, pose: Pose) -> Pose:
        return Pose(self.settings.step.workspace.clip(pose.position), pose.yaw)
