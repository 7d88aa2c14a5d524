"""How far a simulated world is moved on, where it goes as fast as the wall's clock."""

import time

from qtopt_agent.nodes import diagnostics

MAX_STEP = 0.1  # s: a world that a busy machine has held up goes on from there; it does not jump


class RealTime:
    """Counts from its making; pictures: so many have been taken."""

    def __init__(self) -> None:
        self.pictures = 0
        self._last, self._longest = time.monotonic(), 0.0

    def passed(self) -> float:
        """Since it was asked last, s, MAX_STEP at most."""
        now = time.monotonic()
        passed, self._last = now - self._last, now
        self._longest = max(self._longest, passed)
        return min(passed, MAX_STEP)

    def diagnose(self, world_time: float) -> tuple[int, str, dict[str, object]]:
        """Level, text and values for a node's diagnostics, about the time since the last of them. world_time: s."""
        longest, self._longest = self._longest, 0.0
        values: dict[str, object] = {
            "simulated time, s": f"{world_time:.3f}",
            "longest time between two moves, s": f"{longest:.3f}",
            "pictures": self.pictures,
        }
        if longest > MAX_STEP:
            return diagnostics.WARN, "the machine is too busy: simulated time falls behind", values
        return diagnostics.OK, "running", values
