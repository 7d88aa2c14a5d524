"""The transitions that a learner replays: every frame once, whole episodes in a ring."""

from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.episode import Episode
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.replay.batch import Batch, Sequences, gather_batch, gather_sequences
from qtopt_agent.replay.episode_files import EpisodeFiles
from qtopt_agent.replay.episode_rows import rows_of
from qtopt_agent.replay.frame_codec import pack
from qtopt_agent.replay.row_queue import RowIndex, RowQueue
from qtopt_agent.replay.spec import OFF_POLICY, SOURCES, StoreSpec

REMEMBERED = 200  # outcomes of episodes, of each source


class TransitionStore:
    """A ring of whole episodes in `folder`; a full store forgets its oldest episodes."""

    def __init__(self, folder: Path, spec: StoreSpec, new: bool | None = None) -> None:
        """Open `folder`, or create it at its full size; `new` says which of both, by default what is there does.

        Raises InvalidInput where it holds a store of another format or specification, or one whose files are damaged,
        StorageError where the disk is too small. Single episodes that are damaged are left out, see `damage`.
        """
        self.spec, self.folder = spec, folder
        self._files = EpisodeFiles(folder, spec, new)
        self._columns: dict[str, Any] = dict(self._files.columns)
        if self._files.packed is not None:
            self._columns["image"] = self._files.packed
        self._queues = [RowQueue(spec.capacity) for _ in range(SOURCES)]
        self._outcomes: list[deque[bool]] = [deque(maxlen=REMEMBERED) for _ in range(SOURCES)]
        self._indices: list[RowIndex] = []
        self._episodes: list[int] = []  # first rows, oldest first
        self._oldest = 0
        self._head = 0  # row of the next episode
        self._byte = 0  # of its packed frames
        whole, self._damaged = self._files.recover()
        for first in whole:
            self._enter(first)

    @property
    def episodes_added(self) -> int:
        """Episodes ever appended, those forgotten since included."""
        return self._files.following

    @property
    def damage(self) -> str:
        """Which episodes were left out because they do not match their checksum; empty where there are none."""
        if not self._damaged:
            return ""
        shown = ", ".join(map(str, self._damaged[:10])) + (", ..." if len(self._damaged) > 10 else "")
        return f"replay store {self.folder}: {len(self._damaged)} episodes are damaged and left out: {shown}"

    @property
    def episodes_held(self) -> int:
        """Episodes that can be sampled from."""
        return len(self._episodes) - self._oldest

    def transitions(self, source: int | None = None) -> int:
        """Transitions that can be sampled, of one source (as in replay/spec.py) or of all."""
        return sum(q.count for q in self._queues) if source is None else self._queues[source].count

    def rows(self) -> NDArray[np.int64]:
        """Rows of all transitions that can be sampled, oldest episode first."""
        held = [self._transitions_from(first) for first in self._episodes[self._oldest :]]
        return np.concatenate(held) if held else np.zeros(0, np.int64)

    def attach(self, index: RowIndex) -> None:
        """Tell `index` of the transitions held, and from now on of those that come and go."""
        index.enter(self.rows())
        self._indices.append(index)

    def append(self, episode: Episode, source: int = OFF_POLICY, executed: bool = False) -> None:
        """Add a whole episode of a `source`; see `rows_of`.

        Raises InvalidInput, and stores nothing, where its parts do not fit the store.
        """
        size = len(episode.steps) + 1
        if not 2 <= size <= self.spec.capacity:
            raise InvalidInput(f"episode {episode.episode_id} has {size} frames, expected 2..{self.spec.capacity}")
        rows = rows_of(episode, source, self.spec, executed)
        frames = [pack(frame) for frame in rows.pop("image")] if self.spec.frame_bytes else []
        if (length := sum(map(len, frames))) > self.spec.frame_bytes:
            raise InvalidInput(
                f"episode {episode.episode_id} has packed frames of {length} bytes, expected at most "
                f"{self.spec.frame_bytes}, which is all the room there is for them"
            )
        self._head = self._make_room(self._head, size, self.spec.capacity, int)
        if frames:
            self._byte = self._make_room(self._byte, length, self.spec.frame_bytes, self._first_byte)
        self._files.write(self._head, rows, frames, self._byte)
        self._enter(self._head)

    def sample(
        self, size: int, rng: np.random.Generator, shares: Mapping[int, float] | None = None, n_step: int = 1
    ) -> Batch:
        """The transitions that start at rows as `draw` draws them.

        Raises InvalidInput on an empty store, or where `n_step` is below 1.
        """
        return self.gather(self.draw(size, rng, shares), n_step)

    def draw(self, size: int, rng: np.random.Generator, shares: Mapping[int, float] | None = None) -> NDArray[np.int64]:
        """Rows of `size` transitions, uniformly; or of each source as many as its share of `shares`, in the mean.

        A source that holds nothing leaves its share to the others. Raises InvalidInput on an empty store.
        """
        self.check_not_empty()
        counts = np.array([q.count for q in self._queues], float)
        wanted = counts if shares is None else np.array([shares.get(i, 0.0) for i in range(SOURCES)]) * (counts > 0)
        chances = wanted if wanted.any() else counts
        numbers = rng.multinomial(size, chances / chances.sum())
        return np.concatenate([q.draw(n, rng) for q, n in zip(self._queues, numbers, strict=True) if n])

    def privileged(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """What only a simulator knows of `rows`, [B, P]."""
        return np.asarray(self._columns["privileged"][rows])

    def check_not_empty(self) -> None:
        """Raises InvalidInput where there is nothing to sample."""
        if self.transitions() == 0:
            raise InvalidInput("the replay store holds no transitions to sample")

    def gather(self, rows: NDArray[np.int64], n_step: int = 1) -> Batch:
        """The transitions that start at `rows` int64 [B], of `n_step` steps where the episode is that long.

        Raises InvalidInput where `n_step` is below 1.
        """
        return gather_batch(self._columns, rows, n_step, self.spec.discount)

    def sequences(self, rows: NDArray[np.int64], n: int) -> Sequences:
        """The `n` steps that start at each of `rows` int64 [B]."""
        return gather_sequences(self._columns, rows, n)

    def current(self, rows: NDArray[np.int64], episode: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether `rows` still hold transitions of the episodes numbered `episode`, as a batch says; bool [B]."""
        return np.asarray(self._columns["episode"][rows] == episode)

    def outcomes(self, source: int, last: int = REMEMBERED) -> list[bool]:
        """Whether the newest episodes of `source`, `last` of them at most, succeeded; the newest last."""
        return list(self._outcomes[source])[-last:]

    def success_rate(self, source: int, last: int = REMEMBERED) -> float:
        """Share of successes among the `last` newest episodes of `source`; NaN where there are none."""
        found = self.outcomes(source, last)
        return float(np.mean(found)) if found else float("nan")

    def flush(self) -> None:
        """Write everything to disk."""
        self._files.flush()

    def _transitions_from(self, first: int) -> NDArray[np.int64]:
        return np.arange(first, first + int(self._columns["remaining"][first]))

    def _enter(self, first: int) -> None:
        rows = self._transitions_from(first)
        for source, part in self._by_source(rows):
            self._queues[source].push(part)
        self._outcomes[self._columns["source"][rows[-1] + 1]].append(bool(self._columns["success"][first]))
        for index in self._indices:
            index.enter(rows)
        self._episodes.append(first)
        self._head = first + len(rows) + 1
        if self._files.packed is not None and (span := self._files.packed.span(slice(first, self._head))) is not None:
            self._byte = span.stop

    def _by_source(self, rows: NDArray[np.int64]) -> list[tuple[int, NDArray[np.int64]]]:
        source = self._columns["source"][rows]
        return [(int(each), rows[source == each]) for each in np.unique(source)]

    def _first_byte(self, first: int) -> int:
        """Where the packed frames of the episode in row `first` begin."""
        return int(self._columns["frame_at"][first])

    def _make_room(self, head: int, size: int, capacity: int, start: Callable[[int], int]) -> int:
        """Forget the oldest episodes until `size` places of a ring are free; returns the first, `head` or 0.

        `start` says in which place of it the episode in a row begins.
        """
        if head + size > capacity:
            self._forget_from(head, capacity, start)
            head = 0
        self._forget_from(head, head + size, start)
        return head

    def _forget_from(self, head: int, end: int, start: Callable[[int], int]) -> None:
        """Forget the oldest episodes while they start in places head..end: those about to be overwritten."""
        while self._oldest < len(self._episodes) and head <= start(self._episodes[self._oldest]) < end:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        first = self._episodes[self._oldest]
        rows = self._transitions_from(first)
        for source, part in self._by_source(rows):
            self._queues[source].pop(len(part))
        for index in self._indices:
            index.leave(rows)
        self._oldest += 1
        left = self._episodes[self._oldest : self._oldest + 1]
        oldest = int(self._columns["episode"][left[0]]) if left else self.episodes_added
        self._files.forget(slice(first, first + len(rows) + 1), oldest)
        if self._oldest > 10_000:
            del self._episodes[: self._oldest]
            self._oldest = 0
