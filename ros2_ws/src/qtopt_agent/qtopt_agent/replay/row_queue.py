"""Which rows can be sampled: in order of arrival, and who else is told."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class RowIndex(Protocol):
    """Hears of every transition, by its row, that can be sampled from now on or no longer."""

    def enter(self, rows: NDArray[np.int64]) -> None:
        """`rows` hold new transitions."""
        ...

    def leave(self, rows: NDArray[np.int64]) -> None:
        """`rows` hold transitions no longer."""
        ...


class RowQueue:
    """At most `capacity` rows in order of arrival; the oldest leave first."""

    def __init__(self, capacity: int) -> None:
        self._rows = np.zeros(capacity, np.int64)
        self._start = 0
        self.count = 0

    def push(self, rows: NDArray[np.int64]) -> None:
        """Add `rows` behind the others."""
        self._rows[(self._start + self.count + np.arange(len(rows))) % len(self._rows)] = rows
        self.count += len(rows)

    def pop(self, number: int) -> None:
        """Drop the `number` oldest."""
        self._start = (self._start + number) % len(self._rows)
        self.count -= number

    def draw(self, number: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """`number` of them, uniformly, each as often as it comes."""
        return self._rows[(self._start + rng.integers(self.count, size=number)) % len(self._rows)]
