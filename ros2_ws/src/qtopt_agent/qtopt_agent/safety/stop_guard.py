"""Decides when an arm driver is dead, and what its arm is told to hold."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.safety.commands import DriverState
from qtopt_agent.safety.driver_settings import STATUS_PERIOD, DriverSettings
from qtopt_agent.safety.tool_pose import Quaternion, angle_between, unit_quaternion
from qtopt_agent.safety.watchdog import Watchdog

REPEATS = 10  # of the stop: a single message may be lost
MAX_TICK = 0.05  # s: a guard that was itself held up for longer has heard nobody meanwhile, and blames nobody for it

ToolPose = tuple[NDArray[np.float64], Quaternion]
"""Position [3], m, and orientation x, y, z, w, in the base frame."""


class StopGuardCore:
    """Listens to the driver, and is to speak in its place once it is silent without having disarmed.

    Only the driver's own status counts as its word: set points may come from anybody. `now` is steady time, s,
    everywhere; `clock` the time of the clock that stamps messages, s, `stamp` that of a message.
    """

    def __init__(self, settings: DriverSettings) -> None:
        self.died = False
        """Whether the driver is taken for dead, until it says that it is not ARMED: it may go on by a resume only."""
        self.hold: ToolPose | None = None
        """Where an arm that takes poses is told to stay; None where nothing is known for sure."""
        self._settings = settings
        self._state = DriverState.DISARMED
        self._strangers = False
        self._watchdog = Watchdog(settings.ages)
        self._newest: tuple[ToolPose, float] | None = None
        self._measured: ToolPose | None = None
        self._setpoint: ToolPose | None = None  # that came with the driver's last word
        self._awake = self._heard = 0.0  # s in which this guard could hear
        self._last_tick: float | None = None
        self._said = 0  # stops, since the driver died

    @property
    def armed(self) -> bool:
        """Whether the driver lives, and has not disarmed."""
        return self._state != DriverState.DISARMED and not self.died

    @property
    def stopping(self) -> bool:
        """Whether the driver is dead and the arm has not been told often enough."""
        return self.died and self._said < REPEATS

    @property
    def silence(self) -> float:
        """Time since the driver was heard, s, of that in which this guard could hear."""
        return self._awake - self._heard

    def status(self, state: DriverState) -> None:
        """The driver has spoken."""
        self._state, self._heard = state, self._awake
        if state == DriverState.DISARMED:
            self._setpoint = None  # the arm may be moved by others now
        if state != DriverState.ARMED:
            self.died = False  # it stops the arm itself, or has done so

    def watched(self, strangers: Sequence[str]) -> None:
        """Somebody has looked who else publishes set points to this arm."""
        self._strangers = bool(strangers)

    def setpoint(self, pose: tuple[Any, Any], stamp: float, clock: float) -> None:
        """A set point (as ToolPose) was sent. One that is old, or later than the driver's last word, is not its."""
        fresh = abs(clock - stamp) <= self._settings.ages.pose and self.silence <= 2 * STATUS_PERIOD
        if fresh and (checked := self._checked(pose)) is not None:
            self._setpoint = checked

    def measured(self, pose: tuple[Any, Any], stamp: float, clock: float, now: float) -> None:
        """The tool has been measured at `pose` (as ToolPose). What is no pose, or no news, counts as silence.

        A pose that the arm cannot have reached since the last is not believed before the next agrees with it.
        """
        checked = self._checked(pose)
        if checked is None or not self._watchdog.heard("pose", stamp, clock, now):
            return
        before, self._newest = self._newest, (checked, stamp)
        self._measured = None
        if before is not None:
            apart = float(np.linalg.norm(checked[0] - before[0][0]))
            turned = angle_between(checked[1], before[0][1])
            if self._settings.reachable(apart, turned, max(0.0, stamp - before[1])):
                self._measured = checked

    def tick(self, now: float) -> bool:
        """Whether to tell the arm now to stop: zero velocity, or to stay at `hold`."""
        if self._last_tick is not None:
            self._awake += min(max(0.0, now - self._last_tick), MAX_TICK)
        self._last_tick = now
        silent = self.silence >= self._settings.ages.driver
        if self.armed and silent:
            self.died, self.hold, self._said = True, None, 0
        # A driver that comes back ARMED has not heard yet that it was overruled; a stranger does not hear at all.
        if not self.died or (self._said >= REPEATS and silent and not self._strangers):
            return False
        if self.hold is None:
            fresh = self._watchdog.age("pose", now) <= self._settings.ages.pose
            self.hold = (self._measured if fresh else None) or (None if self._strangers else self._setpoint)
        self._said += 1
        return True

    def _checked(self, pose: tuple[Any, Any]) -> ToolPose | None:
        try:
            return self._settings.step.workspace.clip(pose[0]), unit_quaternion(pose[1])
        except InvalidInput:
            return None
