"""One commanded motion, and when it is over."""

from dataclasses import dataclass

import numpy as np

from qtopt_agent.safety.driver_settings import DriverSettings
from qtopt_agent.safety.motion import Pose

HEADWAY = 0.001  # m: less than this nearer to the goal is no headway
YAW_ARM = 0.1  # m/rad, to measure a way to go that is part turn: a jaw is about this wide


@dataclass
class CommandedMotion:
    """To `goal`, begun at steady time `began`, s. It lasts `wait` s at least: a jaw takes its time."""

    goal: Pose
    began: float
    wait: float

    def __post_init__(self) -> None:
        self._least_to_go, self._headway_at = np.inf, self.began

    def over(
        self, distance: float, turn: float, sent: bool, settings: DriverSettings, now: float, measured: float
    ) -> bool:
        """Whether the hand has arrived, or is held up by something that it should not go on pressing at.

        distance, turn: from the hand to the goal, m and rad, as measured at steady time `measured`, s: a hand of which
        nobody says where it is may be on its way. sent: whether the set point is at the goal.
        """
        to_go = distance + YAW_ARM * turn
        if to_go < self._least_to_go - HEADWAY:
            self._least_to_go, self._headway_at = to_go, max(measured, self.began)
        arrived = distance <= settings.arrival and turn <= 10 * settings.arrival
        stuck = measured - self._headway_at > settings.patience
        return now - self.began >= self.wait and ((sent and arrived) or stuck)
