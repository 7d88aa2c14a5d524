"""A part of the replay: keeps episodes on the disk, and gives out transitions of them."""

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.episode import Episode
from qtopt_agent.replay.batch import Batch, Sequences
from qtopt_agent.replay.spec import OFF_POLICY, ON_POLICY, SOURCES, StoreSpec
from qtopt_agent.replay.store import TransitionStore
from qtopt_agent.training.distributed.settled import settle
from qtopt_agent.training.distributed.taken import Taken


class Held(NamedTuple):
    """What a shard holds: what the ring goes by.

    process: its id. episodes: ever added; recorded: those of folders among them. transitions: of each source.
    outcomes: of the newest episodes of the script and of the network that learns. damage: episodes that were left out.
    """

    process: int
    episodes: int
    recorded: int
    transitions: tuple[int, ...]
    outcomes: tuple[list[bool], list[bool]]
    damage: str


class Sample(NamedTuple):
    """Transitions, and what followed them where n-step targets are corrected."""

    batch: Batch
    sequences: Sequences | None


class Shard:
    """A TransitionStore in `folder`. An episode counts once it is in the store's files: a kill loses none that does."""

    def __init__(self, folder: Path, spec: StoreSpec, executed: bool, there: bool) -> None:
        """`executed`: of recorded episodes, learn from what was really sent to the arm.

        there: whether the store has to be there already; if not, it is made where it is missing.
        """
        settle()
        self._folder, self._spec, self._executed, self._there = folder, spec, executed, there

    # Opened by the first call: of an error there, Ray tells what it is, which it does not of one in a constructor.
    @cached_property
    def _store(self) -> TransitionStore:
        return TransitionStore(self._folder, self._spec, False if self._there else None)

    @cached_property
    def _taken(self) -> Taken:
        return Taken(self._folder, self._store.episodes_added)

    def held(self) -> Held:
        """What is there now. Raises as TransitionStore, as all others do where it is the first call."""
        store = self._store
        transitions = tuple(store.transitions(source) for source in range(SOURCES))
        outcomes = store.outcomes(OFF_POLICY), store.outcomes(ON_POLICY)
        return Held(os.getpid(), store.episodes_added, len(self._taken), transitions, outcomes, store.damage)

    def append(self, at: int, sources: Sequence[int], episodes: Sequence[Episode]) -> Held:
        """Add simulated episodes, of a source each, of which the first is to have the number `at`.

        Those that the store has already, because this shard died before it could say so, are not added again.
        """
        there = self._store.episodes_added - at
        for source, episode in list(zip(sources, episodes, strict=True))[there:]:
            self._store.append(episode, source)
        return self.held()

    def append_recorded(self, sources: Sequence[int], names: Sequence[str], episodes: Sequence[Episode]) -> Held:
        """Add episodes of folders, called `names`; those that were taken before are left out."""
        for source, name, episode in zip(sources, names, episodes, strict=True):
            if name not in self._taken:
                self._taken.note(name, self._store.episodes_added)
                self._store.append(episode, source, self._executed)
        return self.held()

    def sample(self, size: int, shares: Mapping[int, float] | None, seed: int, n_step: int, sequences: bool) -> Sample:
        """`size` transitions of `n_step` steps, as `TransitionStore.sample`; with `sequences`, these as well."""
        batch = self._store.sample(size, np.random.default_rng(seed), shares, n_step)
        return Sample(batch, self._store.sequences(batch.rows, n_step) if sequences else None)

    def privileged(self, size: int, seed: int) -> NDArray[np.float32]:
        """What only a simulator knows of `size` observations, [N, P]; NaN where it is unknown."""
        return self._store.privileged(self._store.draw(size, np.random.default_rng(seed)))

    def flush(self) -> Held:
        """Write everything to the disk."""
        self._store.flush()
        return self.held()
