"""Transitions in memory-mapped files: every frame once, whole episodes in a ring, checked when opened again."""

import json
import os
from collections import deque
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.episode import Episode
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.profile import Profile
from qtopt_agent.documents import read_json
from qtopt_agent.replay.array_files import create_array, open_array
from qtopt_agent.replay.batch import Batch, Sequences

FORMAT = 3
OFF_POLICY, ON_POLICY = 0, 1
_LOW = 0xFFFFFFFF
REMEMBERED = 200  # outcomes of episodes, of either source


class RowIndex(Protocol):
    """Hears of every transition, by its row, that can be sampled from now on or no longer."""

    def enter(self, rows: NDArray[np.int64]) -> None:
        """`rows` hold new transitions."""
        ...

    def leave(self, rows: NDArray[np.int64]) -> None:
        """`rows` hold transitions no longer."""
        ...


@dataclass(frozen=True)
class StoreSpec:
    """What a store holds. `capacity` counts frames: an episode of T transitions takes T + 1."""

    capacity: int
    image_size: tuple[int, int]
    state_size: int
    action_size: int
    privileged_size: int
    discount: float

    @staticmethod
    def of(profile: Profile, capacity: int, privileged_size: int = 0) -> "StoreSpec":
        """Room for a profile's transitions, and for `privileged_size` numbers that only a simulator knows."""
        observation = profile.observation
        return StoreSpec(
            capacity,
            observation.image_size,
            observation.state_size,
            profile.action_space.size,
            privileged_size,
            profile.discount,
        )

    def columns(self) -> dict[str, tuple[Any, tuple[int, ...]]]:
        """Type and shape of one row of each file."""
        return {
            "image": (np.uint8, (*self.image_size, 3)),
            "state": (np.float32, (self.state_size,)),
            "privileged": (np.float32, (self.privileged_size,)),
            "action": (np.float32, (self.action_size,)),
            "reward": (np.float32, ()),
            "terminal": (np.float32, ()),
            "log_density": (np.float32, ()),
            "mc_return": (np.float32, ()),
            "success": (np.bool_, ()),
            "source": (np.uint8, ()),
            "remaining": (np.int32, ()),  # steps from here to the episode's final observation
            "episode": (np.int64, ()),
            "checksum": (np.uint64, ()),  # of the whole episode, in each of its rows
        }


class _RowQueue:
    """Rows of one source in order of arrival; the oldest leave first."""

    def __init__(self, capacity: int) -> None:
        self._rows = np.zeros(capacity, np.int64)
        self._start = 0
        self.count = 0

    def push(self, rows: NDArray[np.int64]) -> None:
        self._rows[(self._start + self.count + np.arange(len(rows))) % len(self._rows)] = rows
        self.count += len(rows)

    def pop(self, number: int) -> None:
        self._start = (self._start + number) % len(self._rows)
        self.count -= number

    def draw(self, number: int, rng: np.random.Generator) -> NDArray[np.int64]:
        return self._rows[(self._start + rng.integers(self.count, size=number)) % len(self._rows)]


class TransitionStore:
    """A ring of whole episodes in `folder`; a full store forgets its oldest episodes.

    `held.npy` says which episodes count: from the number of the oldest to below that of the next. An episode is dropped
    there before it is overwritten, and counts there after it is written, so a process killed at any moment leaves whole
    episodes only. Each has a checksum, written with it and compared when the store is opened, about 2 s a GB.
    """

    def __init__(self, folder: Path, spec: StoreSpec, new: bool | None = None) -> None:
        """Open `folder`, or create it at its full size; `new` says which of both, by default what is there does.

        Raises InvalidInput where it holds a store of another format or specification, or one whose files are damaged,
        StorageError where the disk is too small. Single episodes that are damaged are left out, see `damage`.
        """
        self.spec, self.folder = spec, folder
        header = folder / "store.json"
        new = not header.exists() if new is None else new
        if not new:
            _check_header(header, spec)
        folder.mkdir(parents=True, exist_ok=True)
        self._files: list[np.memmap[Any, Any]] = []

        def column(name: str, dtype: Any, shape: tuple[int, ...]) -> NDArray[Any]:
            if 0 in shape:  # a part that the profile lacks; zero bytes cannot be mapped
                return np.zeros(shape, dtype)
            mapped = (create_array if new else open_array)(folder / f"{name}.npy", np.dtype(dtype), shape)
            self._files.append(mapped)
            return np.asarray(mapped)

        self._columns = {
            name: column(name, dtype, (spec.capacity, *shape)) for name, (dtype, shape) in spec.columns().items()
        }
        self._held = column("held", np.uint64, (2,))
        if new:
            self._columns["episode"][:] = -1
            self._held[:] = _guarded(0)
            self.flush()
            temporary = header.with_suffix(".tmp")
            temporary.write_text(json.dumps(_header(spec), indent=1))
            os.replace(temporary, header)
        self._check_held()
        self._queues = (_RowQueue(spec.capacity), _RowQueue(spec.capacity))
        self._outcomes: tuple[deque[bool], ...] = (deque(maxlen=REMEMBERED), deque(maxlen=REMEMBERED))
        self._indices: list[RowIndex] = []
        self._episodes: list[int] = []  # first rows, oldest first
        self._oldest = 0
        self._head = 0
        self._damaged: list[int] = []
        self._recover()

    @property
    def episodes_added(self) -> int:
        """Episodes ever appended, those forgotten since included."""
        return int(self._held[1]) & _LOW

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
        """Transitions that can be sampled, of one source (OFF_POLICY or ON_POLICY) or of both."""
        return sum(q.count for q in self._queues) if source is None else self._queues[source].count

    def rows(self) -> NDArray[np.int64]:
        """Rows of all transitions that can be sampled, oldest episode first."""
        held = [self._transitions_from(first) for first in self._episodes[self._oldest :]]
        return np.concatenate(held) if held else np.zeros(0, np.int64)

    def attach(self, index: RowIndex) -> None:
        """Tell `index` of the transitions held, and from now on of those that come and go."""
        index.enter(self.rows())
        self._indices.append(index)

    def append(self, episode: Episode, on_policy: bool = False) -> None:
        """Add a whole episode. Raises InvalidInput, and stores nothing, where its parts do not fit the store."""
        rows = len(episode.steps) + 1
        if not 2 <= rows <= self.spec.capacity:
            raise InvalidInput(f"episode {episode.episode_id} has {rows} frames, expected 2..{self.spec.capacity}")
        data = self._pack(episode)
        data["source"] = np.full(rows, ON_POLICY if on_policy else OFF_POLICY, np.uint8)
        if self._head + rows > self.spec.capacity:
            self._evict_until(self.spec.capacity)
            self._head = 0
        self._evict_until(self._head + rows)
        place, number = slice(self._head, self._head + rows), self.episodes_added
        for name, values in data.items():
            self._columns[name][place] = values
        self._columns["remaining"][place] = np.arange(rows)[::-1]
        self._columns["episode"][place] = number
        self._columns["checksum"][place] = self._checksum(place)
        self._held[1] = _guarded(number + 1)  # the commit: one aligned store, after everything else
        self._enter(self._head)

    def sample(
        self, size: int, rng: np.random.Generator, on_policy_share: float | None = None, n_step: int = 1
    ) -> Batch:
        """`size` transitions, uniformly; or `on_policy_share` (0..1) of them from the agent's own episodes.

        A source that holds nothing leaves its share to the other. Raises InvalidInput on an empty store, or where
        `n_step` is below 1.
        """
        self.check_not_empty()
        off, on = (q.count for q in self._queues)
        share = on / (on + off) if on_policy_share is None or 0 in (on, off) else on_policy_share
        fresh = int(rng.binomial(size, share))
        parts = [q.draw(n, rng) for q, n in zip(self._queues, (size - fresh, fresh), strict=True) if n]
        return self.gather(np.concatenate(parts), n_step)

    def check_not_empty(self) -> None:
        """Raises InvalidInput where there is nothing to sample."""
        if self.transitions() == 0:
            raise InvalidInput("the replay store holds no transitions to sample")

    def gather(self, rows: NDArray[np.int64], n_step: int = 1) -> Batch:
        """The transitions that start at `rows` int64 [B], of `n_step` steps where the episode is that long.

        The sum of Sutton and Barto 2018, eq. 7.1. Raises InvalidInput where `n_step` is below 1.
        """
        if n_step < 1:
            raise InvalidInput(f"n_step is {n_step}, expected at least 1")
        c = self._columns
        steps = np.minimum(n_step, c["remaining"][rows])
        later, discount = rows + steps, np.float32(self.spec.discount)
        reward = np.zeros(len(rows), np.float32)
        for i in reversed(range(int(steps.max(initial=0)))):
            inside = i < steps
            reward[inside] = c["reward"][rows[inside] + i] + discount * reward[inside]
        terminal = c["terminal"][later - 1]
        return Batch(
            c["image"][rows],
            c["state"][rows],
            c["action"][rows],
            reward,
            terminal,
            c["image"][later],
            c["state"][later],
            c["mc_return"][rows],
            c["privileged"][rows],
            (1 - terminal) * discount ** steps.astype(np.float32),
            rows,
            np.ones(len(rows), np.float32),
            c["episode"][rows],
        )

    def sequences(self, rows: NDArray[np.int64], n: int) -> Sequences:
        """The `n` steps that start at each of `rows` int64 [B]."""
        c = self._columns
        remaining = c["remaining"][rows, None]
        seen = rows[:, None] + np.minimum(np.arange(n + 1), remaining)
        done = seen[:, :-1]
        return Sequences(
            c["image"][seen],
            c["state"][seen],
            c["action"][done],
            c["reward"][done],
            c["terminal"][done],
            c["log_density"][done],
            np.arange(n) < remaining,
        )

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
        """Write everything to disk, last of all which episodes count."""
        for mapped in self._files:
            mapped.flush()

    def _pack(self, episode: Episode) -> dict[str, NDArray[Any]]:
        observations = [*(step.observation for step in episode.steps), episode.final]
        rewards = np.array([step.reward for step in episode.steps] + [0.0], np.float32)
        returns = np.zeros(len(rewards), np.float32)
        if not episode.truncated:
            for t in range(len(rewards) - 2, -1, -1):
                returns[t] = rewards[t] + self.spec.discount * returns[t + 1]
        privileged = [o.privileged for o in observations]
        if self.spec.privileged_size == 0:
            privileged = [np.zeros(0, np.float32)] * len(observations)
        elif any(p is None for p in privileged):
            raise InvalidInput(f"episode {episode.episode_id} lacks the privileged values that the store holds")
        last_action = np.zeros(self.spec.action_size, np.float32)
        data: dict[str, NDArray[Any]] = {
            "image": np.stack([o.image for o in observations]),
            "state": np.stack([o.state for o in observations]),
            "privileged": np.stack([p for p in privileged if p is not None]),
            "action": np.stack([*(step.commanded for step in episode.steps), last_action]),
            "reward": rewards,
            "terminal": np.array([step.terminal for step in episode.steps] + [True], np.float32),
            "log_density": np.array([step.log_density for step in episode.steps] + [np.nan], np.float32),
            "mc_return": returns,
            "success": np.full(len(rewards), episode.success),
        }
        for name, values in data.items():
            dtype, shape = self.spec.columns()[name]
            if values.shape[1:] != shape or values.dtype != dtype:
                raise InvalidInput(
                    f"episode {episode.episode_id}: {name} is {values.dtype} {list(values.shape[1:])}, "
                    f"expected {np.dtype(dtype)} {list(shape)}"
                )
            if name != "log_density" and not np.isfinite(values).all():
                raise InvalidInput(f"episode {episode.episode_id}: {name} has values that are not finite")
        if data["terminal"][:-2].any():
            raise InvalidInput(f"episode {episode.episode_id} goes on after a terminal step")
        return data

    def _transitions_from(self, first: int) -> NDArray[np.int64]:
        return np.arange(first, first + int(self._columns["remaining"][first]))

    def _enter(self, first: int) -> None:
        rows = self._transitions_from(first)
        source = self._columns["source"][first]
        self._queues[source].push(rows)
        self._outcomes[source].append(bool(self._columns["success"][first]))
        for index in self._indices:
            index.enter(rows)
        self._episodes.append(first)
        self._head = first + len(rows) + 1

    def _evict_until(self, end: int) -> None:
        """Forget the oldest episodes while they start in rows head..end: those about to be overwritten."""
        while self._oldest < len(self._episodes) and self._head <= self._episodes[self._oldest] < end:
            first = self._episodes[self._oldest]
            rows = self._transitions_from(first)
            self._queues[self._columns["source"][first]].pop(len(rows))
            for index in self._indices:
                index.leave(rows)
            self._oldest += 1
            left = self._episodes[self._oldest : self._oldest + 1]
            self._held[0] = _guarded(int(self._columns["episode"][left[0]]) if left else self.episodes_added)
            self._columns["episode"][first : first + len(rows) + 1] = -1
        if self._oldest > 10_000:
            del self._episodes[: self._oldest]
            self._oldest = 0

    def _check_held(self) -> None:
        oldest, following = (int(value) & _LOW for value in self._held)
        if self._held.tolist() != [_guarded(oldest), _guarded(following)] or not (
            oldest <= following <= oldest + self.spec.capacity
        ):
            raise InvalidInput(
                f"{self.folder / 'held.npy'} is damaged: it holds {self._held.tolist()}; start a new run"
            )

    def _checksum(self, place: slice) -> int:
        """Of all columns in `place` but this one."""
        digest = blake2b(digest_size=8)
        for name, values in self._columns.items():
            if name != "checksum":
                digest.update(values[place].data)
        return int.from_bytes(digest.digest(), "little")

    def _recover(self) -> None:
        """Rebuild the queues from the episodes that count and are whole; forget what a kill left of others."""
        number, checksum = self._columns["episode"], self._columns["checksum"]
        oldest, following = (int(value) & _LOW for value in self._held)
        if (forgotten := (number != -1) & ((number < oldest) | (number >= following))).any():
            number[forgotten] = -1
        rows = np.flatnonzero(number >= 0)
        found, where, counts = np.unique(number[rows], return_index=True, return_counts=True)
        places = {
            int(n): slice(int(first), int(first + count))
            for n, first, count in zip(found, rows[where], counts, strict=True)
        }
        for n in range(oldest, following):
            place = places.get(n)
            if place is not None and (checksum[place] == self._checksum(place)).all():
                self._enter(place.start)
            else:
                self._damaged.append(n)


def _header(spec: StoreSpec) -> dict[str, Any]:
    return {"format": FORMAT, **asdict(spec), "image_size": list(spec.image_size)}


def _check_header(path: Path, spec: StoreSpec) -> None:
    found, wanted = read_json(path), _header(spec)
    if not isinstance(found, dict):
        raise InvalidInput(f"{path} holds a {type(found).__name__}, expected a dictionary")
    if found.get("format") != FORMAT:
        raise InvalidInput(
            f"replay store {path.parent} has format {found.get('format')!r}, expected {FORMAT}: another version of "
            "this software made it; start a new run"
        )
    for name in found.keys() | wanted.keys():
        if found.get(name) != wanted.get(name):
            raise InvalidInput(
                f"replay store {path.parent}: {name} is {found.get(name)!r}, expected {wanted.get(name)!r}"
            )


def _guarded(count: int) -> int:
    """`count`, 0 to 2^32 - 1, with its complement above it: a damaged one gives itself away, yet fits one store."""
    return count | (~count & _LOW) << 32
