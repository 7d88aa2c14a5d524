"""Counts pictures that were taken and did not come, by the gaps between the capture times of those that did."""

from collections import deque
from statistics import median

GAP = 1.5  # times the usual interval
FEWEST, MOST = 5, 30  # intervals that tell what is usual


class FrameGaps:
    """`dropped` is the count so far. Needs no word of the camera's rate: the usual interval is the recent median."""

    def __init__(self) -> None:
        self.dropped = 0
        self._last = float("inf")
        self._intervals: deque[float] = deque(maxlen=MOST)

    def came(self, stamp: float) -> None:
        """A picture has come that was captured at `stamp`, s. One that is not newer than the last begins anew."""
        interval, self._last = stamp - self._last, stamp
        if not interval > 0:
            self._intervals.clear()
            return
        if len(self._intervals) >= FEWEST and interval > GAP * (usual := median(self._intervals)):
            self.dropped += round(interval / usual) - 1
        self._intervals.append(interval)
