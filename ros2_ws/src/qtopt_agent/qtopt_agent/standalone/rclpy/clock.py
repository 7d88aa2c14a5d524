"""Clocks."""

import time

from .clock_type import ClockType
from .time import Time

__all__ = ["Clock", "ClockType", "ROSClock"]


class Clock:
    """A system or steady clock; `Clock(clock_type=ClockType.ROS_TIME)` is a ROSClock."""

    def __new__(cls, *, clock_type: ClockType = ClockType.SYSTEM_TIME) -> "Clock":  # noqa: D102
        return super().__new__(ROSClock if clock_type == ClockType.ROS_TIME else cls)

    def __init__(self, *, clock_type: ClockType = ClockType.SYSTEM_TIME) -> None:
        self.clock_type = ClockType(clock_type)

    def now(self) -> Time:
        """The time now."""
        return Time(nanoseconds=self._nanoseconds(), clock_type=self.clock_type)

    def _nanoseconds(self) -> int:
        return time.monotonic_ns() if self.clock_type == ClockType.STEADY_TIME else time.time_ns()

    def _wall(self, remaining: int) -> float | None:
        """Real seconds until `remaining` ns of this clock have passed; None where nobody can tell."""
        return remaining / 1e9


class ROSClock(Clock):
    """The node's clock: the system's, or the last /clock message where the node uses simulated time."""

    def __new__(cls, **_: object) -> "ROSClock":  # noqa: D102
        return object.__new__(cls)

    def __init__(self, **_: object) -> None:
        super().__init__(clock_type=ClockType.ROS_TIME)
        self._simulated: int | None = None

    @property
    def ros_time_is_active(self) -> bool:
        """Whether the time is simulated."""
        return self._simulated is not None

    def _override(self, nanoseconds: int | None) -> None:
        self._simulated = nanoseconds

    def _nanoseconds(self) -> int:
        return time.time_ns() if self._simulated is None else self._simulated

    def _wall(self, remaining: int) -> float | None:
        return remaining / 1e9 if self._simulated is None else None
