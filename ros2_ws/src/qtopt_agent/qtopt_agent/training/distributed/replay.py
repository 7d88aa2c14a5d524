"""The shards of a run as one replay: episodes in, transitions out."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.learning.preset import Preset
from qtopt_agent.replay.room import with_room
from qtopt_agent.replay.spec import HEADER, OFF_POLICY, SOURCES, StoreSpec
from qtopt_agent.training.distributed.calls import Calls, Ref, answer
from qtopt_agent.training.distributed.deaths import Deaths
from qtopt_agent.training.distributed.draws import draws
from qtopt_agent.training.distributed.placement import start
from qtopt_agent.training.distributed.shard import Held, Shard
from qtopt_agent.training.initial import store_spec
from qtopt_agent.training.saved_run import REPLAY


def shard_folders(out: Path, shards: int) -> list[Path]:
    """Folders of the replay of the run in `out`: of one shard, the one that a run without Ray has.

    Raises InvalidInput where there are those of another number of shards.
    """
    folders = [out / REPLAY, *(out / f"{REPLAY}-{i}" for i in range(1, shards))]
    there = [out / REPLAY, *out.glob(f"{REPLAY}-*")]
    if (out / REPLAY).exists() and set(there) != set(folders):
        raise InvalidInput(f"scale shards is {shards}, expected {len(there)}, which {out} has")
    return folders


def shard_specs(preset: Preset, folders: Sequence[Path], resume: bool) -> list[StoreSpec]:
    """What each shard holds. Raises InvalidInput as `with_room`, and where nothing says how large several are to be."""
    replay, shards = preset.replay, len(folders)
    if shards > 1 and not (replay.capacity or replay.gigabytes or resume):
        raise InvalidInput(f"scale shards is {shards}: expected replay.capacity or replay.gigabytes to be set, not 0")
    room = replay.capacity // shards, replay.gigabytes / shards, preset.acting_profile().max_steps
    new = [not resume and not (folder / HEADER).exists() for folder in folders]
    return [with_room(each, store_spec(preset, 0), *room, fresh) for each, fresh in zip(folders, new, strict=True)]


class Replay:
    """Actors that keep a part each. Of each shard, one list of episodes is on its way at a time; the others wait."""

    def __init__(
        self,
        preset: Preset,
        folders: Sequence[Path],
        specs: Sequence[StoreSpec],
        resume: bool,
        calls: Calls,
        deaths: Deaths,
    ) -> None:
        self._calls, self._deaths, self._preset = calls, deaths, preset
        executed = preset.replay.recorded_actions == "executed"
        actors = [start("shard", Shard, *each, executed, resume) for each in zip(folders, specs, strict=True)]
        self._shards = [_Shard(f"shard-{i}", actor) for i, actor in enumerate(actors)]
        for shard in self._shards:
            shard.held = answer(shard.actor.held.remote())
            self._deaths.heard(shard.name, shard.held.process)

    @property
    def damage(self) -> list[str]:
        """Episodes that the shards left out when they were opened."""
        return [shard.held.damage for shard in self._shards if shard.held.damage]

    @property
    def episodes(self) -> int:
        """Episodes ever added."""
        return sum(shard.held.episodes for shard in self._shards)

    @property
    def recorded(self) -> int:
        """Those of folders among them."""
        return sum(shard.held.recorded for shard in self._shards)

    @property
    def waiting(self) -> int:
        """Lists of episodes that are not in their shard yet."""
        return sum(len(shard.waiting) + shard.busy for shard in self._shards)

    def counts(self) -> NDArray[np.int64]:
        """Transitions of each source that each shard holds, [shards, sources]."""
        return np.array([shard.held.transitions for shard in self._shards]).reshape(-1, SOURCES)

    def transitions(self, source: int | None = None) -> int:
        """As TransitionStore.transitions."""
        counts = self.counts()
        return int(counts.sum() if source is None else counts[:, source].sum())

    def outcomes(self, source: int) -> list[bool]:
        """Whether the newest episodes of the script, or of the network that learns, succeeded."""
        return [each for shard in self._shards for each in shard.held.outcomes[source - OFF_POLICY]]

    def add(self, sources: Sequence[int], episodes: Ref) -> None:
        """Add a list of simulated episodes, to the shard that has the fewest waiting."""
        shard = min(self._shards, key=lambda each: (len(each.waiting) + each.busy, each.held.episodes))
        self._queue(shard, lambda: shard.actor.append.remote(shard.held.episodes, sources, episodes))

    def add_recorded(self, shard: int, sources: Sequence[int], names: Sequence[str], episodes: Ref) -> None:
        """Add a list of recorded episodes to a shard."""
        chosen = self._shards[shard]
        self._queue(chosen, lambda: chosen.actor.append_recorded.remote(sources, names, episodes))

    def draw(self, size: int, shares: Mapping[int, float] | None, rng: np.random.Generator) -> list[Ref]:
        """Samples, of `size` transitions in all, uniform over the shards; `shares` as in TransitionStore.sample."""
        target = self._preset.target
        sequences = target.n_step > 1 and target.n_step_correction != "none"
        return [
            self._shards[draw.shard].actor.sample.remote(
                draw.size, draw.shares, int(rng.integers(2**63)), target.n_step, sequences
            )
            for draw in draws(size, self.counts(), shares, rng)
        ]

    def privileged(self, size: int, rng: np.random.Generator) -> list[Ref]:
        """What only a simulator knows of `size` observations, uniform over the shards."""
        return [
            self._shards[draw.shard].actor.privileged.remote(draw.size, int(rng.integers(2**63)))
            for draw in draws(size, self.counts(), None, rng)
        ]

    def flush(self) -> None:
        """Write everything to the disk."""
        for ref in [shard.actor.flush.remote() for shard in self._shards]:
            answer(ref)

    def _queue(self, shard: "_Shard", append: Callable[[], Ref]) -> None:
        shard.waiting.append(append)
        self._go_on(shard)

    def _go_on(self, shard: "_Shard") -> None:
        if shard.waiting and not shard.busy:
            shard.busy = True
            self._calls.expect(shard.waiting.popleft()(), partial(self._hear, shard))

    def _hear(self, shard: "_Shard", held: Held) -> None:
        self._deaths.heard(shard.name, held.process)
        shard.held, shard.busy = held, False
        self._go_on(shard)


class _Shard:
    """What is known here of one actor: what it holds, and what waits for it."""

    held: Held

    def __init__(self, name: str, actor: Any) -> None:
        self.name, self.actor, self.busy = name, actor, False
        self.waiting: deque[Callable[[], Ref]] = deque()
