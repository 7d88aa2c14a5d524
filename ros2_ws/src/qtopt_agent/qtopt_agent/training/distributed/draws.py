"""Sampling from several shards as from one store, and putting together what they give."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.replay.batch import Batch, Sequences
from qtopt_agent.training.distributed.shard import Sample


class Draw(NamedTuple):
    """Of one shard: how many transitions, and of these the share of each source."""

    shard: int
    size: int
    shares: dict[int, float]


def draws(
    size: int, counts: NDArray[np.int64], shares: Mapping[int, float] | None, rng: np.random.Generator
) -> list[Draw]:
    """What each shard is to give so that `size` transitions in all are uniform over those of each source.

    counts: [shards, sources], transitions held. `shares` of the sources, as in `TransitionStore.sample`.
    """
    of_source = counts.sum(0).astype(float)
    wanted = of_source if shares is None else np.array([shares.get(i, 0.0) for i in range(len(of_source))])
    wanted = np.where(of_source > 0, wanted, 0.0)
    if not wanted.any():
        wanted = of_source
    chances = counts * (wanted / np.maximum(1.0, of_source))
    sizes = rng.multinomial(size, chances.sum(1) / chances.sum())
    return [
        Draw(shard, int(n), {source: float(chance) for source, chance in enumerate(chances[shard]) if chance})
        for shard, n in enumerate(sizes)
        if n
    ]


def batches(samples: Sequence[Sample], size: int, rng: np.random.Generator) -> Iterator[tuple[Batch, Sequences | None]]:
    """Batches of `size` from the transitions in `samples`, in random order; what is left over is left out."""
    count = sum(len(sample.batch.reward) for sample in samples)
    batch = Batch(*_joined([sample.batch for sample in samples]))
    found = [sample.sequences for sample in samples if sample.sequences is not None]
    sequences = Sequences(*_joined(found)) if found else None
    order = rng.permutation(count)
    for first in range(0, count - size + 1, size):
        rows = order[first : first + size]
        yield Batch(*_of(batch, rows)), None if sequences is None else Sequences(*_of(sequences, rows))


def _joined(parts: Sequence[Iterable[Any]]) -> list[Any]:
    return [None if column[0] is None else np.concatenate(column) for column in zip(*parts, strict=True)]


def _of(columns: Iterable[Any], rows: NDArray[np.int64]) -> list[Any]:
    return [None if column is None else column[rows] for column in columns]
