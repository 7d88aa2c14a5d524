"""Reads the folders that robots write their episodes into, new ones as they come."""

import os
import time
import zlib
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from qtopt_agent.core.episode import Episode
from qtopt_agent.core.errors import QtoptError
from qtopt_agent.episodes.reader import find_episodes
from qtopt_agent.learning.preset import Preset
from qtopt_agent.replay.episode_rows import rows_of
from qtopt_agent.replay.spec import RECORDED, StoreSpec
from qtopt_agent.training.distributed.settled import settle
from qtopt_agent.training.distributed.taken import surely_taken
from qtopt_agent.training.recorded import learning_episode


class Read(NamedTuple):
    """What a reader has found.

    process: its id. sources and names: of the episodes that come with this. shard: whose they are. skipped: what is
    wrong with those that cannot be used. all_read: whether there was nothing more.
    """

    process: int
    sources: list[int]
    names: list[str]
    shard: int
    skipped: list[str]
    all_read: bool


class LogReader:
    """Finds episodes below `folders`, each once; the name of an episode says which of the shards it belongs to."""

    def __init__(
        self, preset: Preset, folders: Sequence[Path], shards: Sequence[Path], spec: StoreSpec, hold_back: float
    ) -> None:
        """`shards`: folders of the replay, whose lists of episodes say where to go on."""
        settle()
        self._profile, self._folders, self._spec, self._hold_back = preset.acting_profile(), folders, spec, hold_back
        self._executed, self._whole = preset.replay.recorded_actions == "executed", preset.augmentation.random_crop
        self._known = set[str]().union(*(surely_taken(shard) for shard in shards))
        self._found: list[deque[tuple[int, Path]]] = [deque() for _ in shards]

    def read(self, most: int, patience: float) -> tuple[Read, list[Episode]]:
        """Up to `most` episodes of one shard that were not given out before.

        Where there are none, it looks again `patience` s later.
        """
        if not any(self._found):
            self._look()
        if not any(self._found):
            time.sleep(patience)
            self._look()
        shard = max(range(len(self._found)), key=lambda i: len(self._found[i]))
        waiting, skipped, good = self._found[shard], list[str](), list[tuple[int, str, Episode]]()
        all_read = not waiting
        while waiting and len(good) + len(skipped) < most:
            source, path = waiting.popleft()
            try:
                episode = learning_episode(path, self._profile, self._hold_back, self._whole)
                if episode is not None:
                    rows_of(episode, source, self._spec, self._executed)  # an error here, and not in the shard
                    good.append((source, str(path), episode))
            except QtoptError as error:
                skipped.append(str(error))
        sources, names = [source for source, _, _ in good], [name for _, name, _ in good]
        return Read(os.getpid(), sources, names, shard, skipped, all_read), [episode for _, _, episode in good]

    def _look(self) -> None:
        for number, folder in enumerate(self._folders):
            for path in find_episodes(folder):
                if (name := str(path)) not in self._known:
                    self._known.add(name)
                    self._found[zlib.crc32(name.encode()) % len(self._found)].append((RECORDED + number, path))
