"""Where the finger tips are, as far as their measurement can be believed."""

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.rotations import wrapped
from qtopt_agent.safety.driver_settings import DriverSettings
from qtopt_agent.safety.motion import Pose


class MeasuredTip:
    """A pose that the arm cannot have reached since the last one is believed only once the next agrees with it.

    pose: the newest that is believed, None before two have agreed. lean [2]: of the tool, rad, about the base
    frame's x and y. jumped: whether the last one was out of reach.
    """

    def __init__(self, settings: DriverSettings) -> None:
        self.pose: Pose | None = None
        self.lean = np.zeros(2)
        self.jumped = False
        self._settings = settings
        self._newest: tuple[Pose, float] | None = None  # with its stamp; not to be believed before the next agrees

    def take(self, pose: Pose, lean: NDArray[np.float64], stamp: float) -> None:
        """A pose has been measured at `stamp`, s, newer than the last one."""
        before, self._newest = self._newest, (pose, stamp)
        if before is None:
            return
        apart = float(np.linalg.norm(pose.position - before[0].position))
        turned = abs(wrapped(pose.yaw - before[0].yaw))
        self.jumped = not self._settings.reachable(apart, turned, max(0.0, stamp - before[1]))
        if not self.jumped:
            self.pose, self.lean = pose, lean
