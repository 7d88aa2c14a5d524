"""Timers."""

from collections.abc import Callable
from typing import Any

from .callback_groups import CallbackGroup
from .clock import Clock


class Timer:
    """Calls back once a period of its clock. Periods that passed unattended are skipped, as in rcl."""

    def __init__(
        self, callback: Callable[[], Any], group: CallbackGroup, period_ns: int, clock: Clock, autostart: bool
    ) -> None:
        self.callback, self.callback_group, self.clock = callback, group, clock
        self.timer_period_ns = period_ns
        self._canceled = not autostart
        self._last = clock._nanoseconds()
        self._next = self._last + period_ns

    def cancel(self) -> None:
        """Stop calling back."""
        self._canceled = True

    def is_canceled(self) -> bool:
        """Whether it is stopped."""
        return self._canceled

    def reset(self) -> None:
        """Start again: the next call is one period from now."""
        self._canceled = False
        self._last = self.clock._nanoseconds()
        self._next = self._last + self.timer_period_ns

    def is_ready(self) -> bool:
        """Whether a call is due."""
        return not self._canceled and self.time_until_next_call() <= 0

    def time_until_next_call(self) -> int:
        """Time left in ns; negative when the call is late."""
        now = self.clock._nanoseconds()
        if now < self._last:  # the clock was set back: without this the timer would wait until it catches up
            self._last, self._next = now, now + self.timer_period_ns
        return self._next - now

    def take(self) -> Callable[[], Any] | None:
        """The call that is due, or None."""
        if not self.is_ready():
            return None
        self._last = now = self.clock._nanoseconds()
        period = max(self.timer_period_ns, 1)
        self._next += period * (1 + max(0, now - self._next) // period)
        return self.callback

    def wait_limit(self) -> float | None:
        """Real seconds until the next call; None where it cannot be told."""
        return None if self._canceled else self.clock._wall(self.time_until_next_call())
