"""Replaying more often what surprised the network most."""

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.replay.batch import Batch
from qtopt_agent.replay.store import TransitionStore
from qtopt_agent.replay.sum_tree import SumTree


class PrioritisedSampler:
    """Proportional prioritised replay (Schaul et al. 2016, sections 3.3 and 3.4) from a store.

    A transition is drawn with a probability proportional to (|td error| + 1e-3)^exponent. New ones get the highest
    priority yet, at least that of an error of 1, so that each is soon seen. Priorities are not written to the disk: in
    a store that is opened again all transitions count as new.
    """

    MIN_ERROR = 1e-3  # keeps every transition in play

    def __init__(self, store: TransitionStore, exponent: float) -> None:
        """`exponent` 0 is uniform, 1 fully proportional. Raises InvalidInput outside 0..1."""
        if not 0 <= exponent <= 1:
            raise InvalidInput(f"priority exponent {exponent}: expected 0 to 1")
        self._store, self._exponent = store, exponent
        self._highest = 1.0
        self._tree = SumTree(store.spec.capacity)
        store.attach(self)

    def enter(self, rows: NDArray[np.int64]) -> None:
        """Called by the store: `rows` hold new transitions."""
        self._tree.set(rows, self._highest)

    def leave(self, rows: NDArray[np.int64]) -> None:
        """Called by the store: `rows` hold transitions no longer."""
        self._tree.set(rows, 0.0)

    def probability(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """The chance of each of `rows` in one draw."""
        return self._tree[rows] / self._tree.total

    def sample(self, size: int, rng: np.random.Generator, correction: float, n_step: int = 1) -> Batch:
        """`size` transitions of `n_step` steps, one from each of as many equal parts of the total priority.

        Their weights are (N P)^-correction for N transitions and draw probability P, divided by the batch's largest:
        at 1 they undo the bias towards large errors, at 0 they leave it. Raises InvalidInput on an empty store, or
        where `correction` is outside 0..1.
        """
        if not 0 <= correction <= 1:
            raise InvalidInput(f"priority correction {correction}: expected 0 to 1")
        self._store.check_not_empty()
        rows = self._tree.find((np.arange(size) + rng.random(size)) / size * self._tree.total)
        weight = (self._store.transitions() * self.probability(rows)) ** -correction
        return self._store.gather(rows, n_step)._replace(weight=(weight / weight.max()).astype(np.float32))

    def update(self, batch: Batch, td_errors: NDArray[np.float32]) -> None:
        """Set the priorities of `batch` from its errors [B]; what the store has overwritten since is left alone.

        Raises InvalidInput, and changes nothing, where an error is not finite or there is not one for each transition.
        """
        if td_errors.shape != batch.rows.shape or not np.isfinite(td_errors).all():
            raise InvalidInput(f"td errors {td_errors.tolist()}: expected {len(batch.rows)} finite numbers")
        held = self._store.current(batch.rows, batch.episode)
        priorities = (np.abs(td_errors[held].astype(np.float64)) + self.MIN_ERROR) ** self._exponent
        self._tree.set(batch.rows[held], priorities)
        self._highest = max(self._highest, float(priorities.max(initial=0.0)))
