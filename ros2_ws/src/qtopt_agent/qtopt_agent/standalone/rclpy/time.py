"""Points in time."""

from functools import total_ordering
from typing import Any

from builtin_interfaces.msg import Time as TimeMessage

from .clock_type import ClockType
from .duration import Duration


@total_ordering
class Time:
    """A point in time of one clock, in ns from 0. Points of different clocks neither compare nor subtract."""

    def __init__(
        self, *, seconds: float = 0, nanoseconds: int = 0, clock_type: ClockType = ClockType.SYSTEM_TIME
    ) -> None:
        if seconds < 0 or nanoseconds < 0:
            raise ValueError("Seconds and nanoseconds values must not be negative")
        self._nanoseconds = int(seconds * 1e9) + int(nanoseconds)
        if self._nanoseconds >= 2**63:
            raise OverflowError("Total nanoseconds value is too large to store in C time point.")
        self._clock_type = ClockType(clock_type)

    @property
    def nanoseconds(self) -> int:
        """Time since the clock's zero in ns."""
        return self._nanoseconds

    @property
    def clock_type(self) -> ClockType:
        """Which clock the point belongs to."""
        return self._clock_type

    def seconds_nanoseconds(self) -> tuple[int, int]:
        """Whole seconds, and the rest in ns."""
        return divmod(self._nanoseconds, 10**9)

    def to_msg(self) -> Any:
        """As builtin_interfaces/Time."""
        seconds, nanoseconds = self.seconds_nanoseconds()
        return TimeMessage(sec=seconds, nanosec=nanoseconds)

    @classmethod
    def from_msg(cls, msg: Any, clock_type: ClockType = ClockType.ROS_TIME) -> "Time":
        """From builtin_interfaces/Time."""
        if not isinstance(msg, TimeMessage):
            raise TypeError("Must pass a builtin_interfaces.msg.Time object")
        return cls(nanoseconds=msg.sec * 10**9 + msg.nanosec, clock_type=clock_type)

    def __repr__(self) -> str:
        return f"Time(nanoseconds={self._nanoseconds}, clock_type={self._clock_type.name})"

    def __hash__(self) -> int:
        return hash((self._nanoseconds, self._clock_type))

    def __add__(self, other: object) -> "Time":
        if not isinstance(other, Duration):
            return NotImplemented
        return Time(nanoseconds=self._nanoseconds + other.nanoseconds, clock_type=self._clock_type)

    __radd__ = __add__

    def __sub__(self, other: object) -> Any:
        if isinstance(other, Time):
            self._same_clock(other, "subtract")
            return Duration(nanoseconds=self._nanoseconds - other._nanoseconds)
        if isinstance(other, Duration):
            return Time(nanoseconds=self._nanoseconds - other.nanoseconds, clock_type=self._clock_type)
        return NotImplemented

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Time):
            return NotImplemented
        self._same_clock(other, "compare")
        return self._nanoseconds == other._nanoseconds

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Time):
            return NotImplemented
        self._same_clock(other, "compare")
        return self._nanoseconds < other._nanoseconds

    def _same_clock(self, other: "Time", what: str) -> None:
        if self._clock_type != other._clock_type:
            raise TypeError(f"Can't {what} times with different clock types")
