"""Tells whether a camera's pictures come, how often, and whether their capture times go on."""

import time
from collections.abc import Callable
from dataclasses import dataclass

SLOW = 0.7  # of the asked rate
WINDOW = 3.0  # s over which the rate is measured


@dataclass(frozen=True)
class CameraReport:
    """How a camera does: `stalled` gives nothing new, `slow` less than it was asked for."""

    stalled: bool
    slow: bool
    text: str
    values: dict[str, object]


class CameraWatch:
    """rate: asked for, Hz. timeout: s without a new picture that make a stall. steady: s."""

    def __init__(self, rate: float, timeout: float, steady: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._timeout, self._steady = rate, timeout, steady
        self._arrivals: list[float] = []
        self._stamp = -float("inf")
        self._began = self._advanced = self.last = steady()
        self._stalls = self._row = self._total = 0

    def taken(self, stamp: float) -> None:
        """A picture has come, captured at `stamp`, s."""
        self.last = now = self._steady()
        if stamp > self._stamp:
            self._advanced, self._row = now, 0
        self._stamp = stamp
        self._total += 1
        self._arrivals = [arrival for arrival in self._arrivals if now - arrival < WINDOW] + [now]

    def stalled(self) -> int:
        """A picture did not come in time; returns how often that has happened in a row."""
        self._stalls += 1
        self._row += 1
        return self._row

    def report(self) -> CameraReport:
        """How it does now."""
        now = self._steady()
        waited, old = now - self.last, now - self._advanced
        span = min(WINDOW, now - self._began)
        rate = sum(now - arrival < WINDOW for arrival in self._arrivals) / span if span > 0 else 0.0
        values: dict[str, object] = {"pictures": self._total, "rate Hz": round(rate, 1), "stalls": self._stalls}
        if waited > 2 * self._timeout:
            return CameraReport(True, False, f"the camera has stalled: no picture for {waited:.1f} s", values)
        if old > 2 * self._timeout:
            text = f"the camera is frozen: pictures come, but their capture times have stood still for {old:.1f} s"
            return CameraReport(True, False, text, values)
        slow = span >= WINDOW and rate < SLOW * self._rate
        return CameraReport(False, slow, f"{rate:.1f} pictures/s" + f", asked for {self._rate:.1f}" * slow, values)
