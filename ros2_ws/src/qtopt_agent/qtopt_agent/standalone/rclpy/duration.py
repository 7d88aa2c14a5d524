"""Lengths of time."""

from functools import total_ordering
from typing import Any

from builtin_interfaces.msg import Duration as DurationMessage


@total_ordering
class Duration:
    """A signed length of time, in ns."""

    def __init__(self, *, seconds: float = 0, nanoseconds: int = 0) -> None:
        total = int(seconds * 1e9) + int(nanoseconds)
        if not -(2**63) <= total < 2**63:
            raise OverflowError("Total nanoseconds value is too large to store in C duration.")
        self._nanoseconds = total

    @property
    def nanoseconds(self) -> int:
        """The length in ns."""
        return self._nanoseconds

    def to_msg(self) -> Any:
        """As builtin_interfaces/Duration."""
        seconds, nanoseconds = divmod(self._nanoseconds, 10**9)
        return DurationMessage(sec=seconds, nanosec=nanoseconds)

    @classmethod
    def from_msg(cls, msg: Any) -> "Duration":
        """From builtin_interfaces/Duration."""
        if not isinstance(msg, DurationMessage):
            raise TypeError("Must pass a builtin_interfaces.msg.Duration object")
        return cls(nanoseconds=msg.sec * 10**9 + msg.nanosec)

    def __repr__(self) -> str:
        return f"Duration(nanoseconds={self._nanoseconds})"

    def __hash__(self) -> int:
        return hash(self._nanoseconds)

    def __eq__(self, other: object) -> bool:
        return self._nanoseconds == other._nanoseconds if isinstance(other, Duration) else NotImplemented

    def __lt__(self, other: object) -> bool:
        return self._nanoseconds < other._nanoseconds if isinstance(other, Duration) else NotImplemented


Infinite = Duration(nanoseconds=2**63 - 1)
