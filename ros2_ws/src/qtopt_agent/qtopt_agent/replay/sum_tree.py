"""Drawing numbered things in proportion to their priorities."""

import numpy as np
from numpy.typing import NDArray


class SumTree:
    """Priorities of `size` things, numbered from 0; at first all 0.

    The tree of Schaul et al. 2016, appendix B.2.1: every node holds the sum of its two children, so that setting a
    priority and finding a thing by a running sum both take log2(size) steps. Here for many at once. Sums are always
    made anew from their children: rounding errors do not build up.
    """

    def __init__(self, size: int) -> None:
        self._leaves = 1 << max(0, size - 1).bit_length()
        self._sums = np.zeros(2 * self._leaves)  # node i has children 2i and 2i + 1; the root is 1

    @property
    def total(self) -> float:
        """Sum of all priorities."""
        return float(self._sums[1])

    def __getitem__(self, numbers: NDArray[np.int64]) -> NDArray[np.float64]:
        """The priorities of `numbers`."""
        return self._sums[numbers + self._leaves]

    def set(self, numbers: NDArray[np.int64], priorities: NDArray[np.float64] | float) -> None:
        """Give `numbers` their `priorities`, 0 or more; of a number named twice, the last counts."""
        nodes = numbers + self._leaves
        self._sums[nodes] = priorities
        while len(nodes) and nodes[0] > 1:
            nodes = np.unique(nodes // 2)
            self._sums[nodes] = self._sums[2 * nodes] + self._sums[2 * nodes + 1]

    def find(self, sums: NDArray[np.float64]) -> NDArray[np.int64]:
        """For each of `sums`, in 0..total, the number in whose share of the running sum of priorities it lies.

        Never a number of priority 0, unless all are.
        """
        nodes = np.ones(len(sums), np.int64)
        while nodes.size and nodes[0] < self._leaves:
            left = self._sums[2 * nodes]
            # The second condition matters where rounding takes a sum past the last priority.
            right = (sums >= left) & (self._sums[2 * nodes + 1] > 0)
            sums = np.where(right, sums - left, sums)
            nodes = 2 * nodes + right
        return nodes - self._leaves
