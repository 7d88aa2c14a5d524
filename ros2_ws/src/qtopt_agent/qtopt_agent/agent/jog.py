"""Moves an arm by a person's hand, one small motion after another, where nobody else moves it."""

from qtopt_agent.agent.values import DriverStatus
from qtopt_agent.core.action import Action
from qtopt_agent.safety.commands import STOP, DriverState, MotionCommand

STATUS_AGE = 0.5  # s: an arm driver that was heard before is no arm driver
PAUSE = 0.3  # s from taking hold to the first motion: an attempt that has just begun is seen by then
REPEAT = 0.05  # s between two repetitions of a command while its motion lasts
ABANDONED = 3.0  # s that another writer has the arm after its last word, unless that was to stop


class Jog:
    """Call `tick` often and send what it returns; writer: names this run of this device. Steady times, s.

    Its last command to an arm that it has moved is to stop, which hands the arm over: see ArmDriverCore.command.
    """

    def __init__(self, writer: str) -> None:
        self._writer = writer
        self._status: DriverStatus | None = None
        self._heard = self._other_spoke = self._sent = -float("inf")
        self._held_since: float | None = None
        self._sequence = 0
        self._last: MotionCommand | None = None

    @property
    def moves(self) -> bool:
        """Whether it has the arm: it has commanded a motion, and has not told it to stop since."""
        return self._last is not None and not self._last.action.terminate

    @property
    def taken(self) -> bool:
        """Whether another writer has the arm: its last command was not to stop, and it was not long ago."""
        status = self._status
        other = status is not None and status.writer not in ("", self._writer) and not status.allowed.terminate
        return other and (status is None or status.moving or self._heard - self._other_spoke < ABANDONED)

    def status(self, status: DriverStatus, now: float) -> None:
        """The arm driver has spoken."""
        before, self._status, self._heard = self._status, status, now
        if before is None or (before.writer, before.sequence) != (status.writer, status.sequence):
            self._other_spoke = now

    def tick(self, wanted: Action | None, clock: float, now: float) -> MotionCommand | None:
        """What to tell the arm driver. wanted: the hand's motion; None: it has let go. clock: of the stamps, s."""
        status = self._status
        if wanted is None or wanted.still or wanted.terminate:
            self._held_since = None if wanted is None else now if self._held_since is None else self._held_since
            return self._stop(status, clock, now)
        self._held_since = now if self._held_since is None else self._held_since
        if status is None or now - self._heard > STATUS_AGE or status.state != DriverState.ARMED:
            return self._stop(status, clock, now)
        if not self.moves and (self.taken or now - self._held_since < PAUSE):
            return None
        if self.moves and (not self._answered(status) or status.moving):
            return self._again(now)
        return self._tell(wanted, clock, now)

    def _stop(self, status: DriverStatus | None, clock: float, now: float) -> MotionCommand | None:
        if self.moves:
            return self._tell(STOP, clock, now)
        if self._last is not None and status is not None and not self._answered(status) and not self.taken:
            return self._again(now)
        return None

    def _answered(self, status: DriverStatus) -> bool:
        return self._last is not None and (status.writer, status.sequence) == (self._writer, self._last.sequence)

    def _tell(self, action: Action, clock: float, now: float) -> MotionCommand:
        self._sequence += 1
        self._last, self._sent = MotionCommand(action, self._writer, self._sequence, clock), now
        return self._last

    def _again(self, now: float) -> MotionCommand | None:
        if now - self._sent < REPEAT:
            return None
        self._sent = now
        return self._last
