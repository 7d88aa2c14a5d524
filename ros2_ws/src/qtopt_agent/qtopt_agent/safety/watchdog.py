"""Says which input has gone silent, frozen or out of time."""

from dataclasses import dataclass, fields

import numpy as np

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.safety.reasons import Reason

TOLERANCE = 0.1  # s by which a stamp may lie ahead of the clock: two machines' clocks, or a simulator's, are not one


@dataclass(frozen=True)
class AgeLimits:
    """How old an input may be before the arm stops, s.

    `command` counts in the middle of a motion only. `driver`: silence after which an armed driver is taken for dead.
    """

    camera: float = 0.4
    gripper: float = 0.4
    pose: float = 0.2
    command: float = 0.5
    driver: float = 0.3

    def __post_init__(self) -> None:
        for field in fields(self):
            if not 0 < getattr(self, field.name) < np.inf:
                raise InvalidInput(f"age limit of {field.name} is {getattr(self, field.name)} s, expected above 0")


_STALE = {"camera": Reason.CAMERA_STALE, "gripper": Reason.GRIPPER_STALE, "pose": Reason.POSE_STALE}


class Watchdog:
    """Ages of the three sensors, on steady time.

    A message counts by the age it has already when it comes, and only if its stamp is newer than the last one's: a
    camera that is frozen but goes on publishing is as stale as a silent one.
    """

    def __init__(self, limits: AgeLimits) -> None:
        self._limits = limits
        self._clock = -np.inf
        self._stamp: dict[str, float] = {}
        self._born: dict[str, float] = {}
        self._jumped = False

    def heard(self, source: str, stamp: float, clock: float, now: float) -> bool:
        """A message of "camera", "gripper" or "pose" has come. Returns whether it is newer than the last one.

        stamp: from its header, s; 0 where nobody stamped it, which says nothing. clock: time now of the clock that
        stamps, s. now: steady time, s.
        """
        if stamp == 0:
            return False
        if not (clock >= self._clock - TOLERANCE and stamp <= clock + TOLERANCE):
            # Stamps from before and after a jump cannot be compared, so every input has to be heard anew.
            self._stamp.clear()
            self._born.clear()
            self._jumped = True
        self._clock = clock
        news = self._stamp.get(source, -np.inf) < stamp <= clock + TOLERANCE
        if news:
            self._stamp[source] = stamp
            self._born[source] = now - max(0.0, clock - stamp)
        return news

    def age(self, source: str, now: float) -> float:
        """Age of the newest message of `source` at steady time `now`, s; infinite where there is none."""
        return now - self._born.get(source, -np.inf)

    def ages(self, now: float) -> dict[str, float]:
        """`age` of each source."""
        return {source: self.age(source, now) for source in _STALE}

    def faults(self, now: float) -> tuple[Reason, ...]:
        """What is wrong at steady time `now`; empty if nothing is."""
        found = [_STALE[source] for source, age in self.ages(now).items() if age > getattr(self._limits, source)]
        return (Reason.CLOCK_JUMP, *found) if self._jumped else tuple(found)

    def forgive(self) -> None:
        """Take the clock as it is now for good; said by a person who arms or resumes."""
        self._jumped = False
