"""Decides when an arm driver is dead, and what its arm is told to hold."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.safety.driver_settings import DriverSettings
from qtopt_agent.safety.tool_pose import Quaternion, unit_quaternion
from qtopt_agent.safety.watchdog import Watchdog

REPEATS = 10  # of the stop: a single message may be lost

ToolPose = tuple[NDArray[np.float64], Quaternion]
"""Position [3], m, and orientation x, y, z, w, in the base frame."""


class StopGuardCore:
    """Listens to the driver, and is to speak in its place once it is silent without having disarmed.

    `now` is steady time, s, everywhere; `clock` the time of the clock that stamps messages, s.
    """

    def __init__(self, settings: DriverSettings, silence: float) -> None:
        """`silence`: time without a word from an armed driver after which it is taken for dead, s."""
        self.armed = False
        self.died = False
        self.hold: ToolPose | None = None
        """Where an arm that takes poses is told to stay; None if none has been heard."""
        self._silence, self._workspace, self._max_age = silence, settings.step.workspace, settings.ages.pose
        self._watchdog = Watchdog(settings.ages)
        self._measured: ToolPose | None = None
        self._setpoint: ToolPose | None = None
        self._heard = -math.inf
        self._left = 0  # repetitions of the stop

    @property
    def stopping(self) -> bool:
        """Whether there is more to say."""
        return self._left > 0

    def silent_for(self, now: float) -> float:
        """Time since the driver was heard, s; infinite before that."""
        return now - self._heard

    def status(self, armed: bool, now: float) -> None:
        """The driver has said that it lives, and whether it is armed or still stopping."""
        self.armed, self.died, self._heard = armed, False, now
        self._left = 0  # two must not speak

    def setpoint(self, now: float, pose: tuple[Any, Any] | None = None) -> None:
        """The driver has sent a set point; `pose` (as ToolPose) where it streams poses."""
        self._heard = now
        if pose is not None:
            self._setpoint = self._checked(pose) or self._setpoint

    def measured(self, pose: tuple[Any, Any], stamp: float, clock: float, now: float) -> None:
        """The tool has been measured at `pose` (as ToolPose). What is no pose, or no news, counts as silence."""
        checked = self._checked(pose)
        if checked is not None and self._watchdog.heard("pose", stamp, clock, now):
            self._measured = checked

    def tick(self, now: float) -> bool:
        """Whether to tell the arm now to stop: zero velocity, or to stay at `hold`."""
        if self.armed and self.silent_for(now) >= self._silence:
            self.armed, self.died, self._left = False, True, REPEATS
            # An old measurement is no place to go to. The last set point is: the arm is there or about to be.
            fresh = self._watchdog.age("pose", now) <= self._max_age
            self.hold = self._measured if fresh else self._setpoint
        if not self.stopping:
            return False
        self._left -= 1
        return True

    def _checked(self, pose: tuple[Any, Any]) -> ToolPose | None:
        try:
            return self._workspace.clip(pose[0]), unit_quaternion(pose[1])
        except InvalidInput:
            return None
