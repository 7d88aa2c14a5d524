"""The log reader of a run: new episodes of folders go to their shards."""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from qtopt_agent.learning.preset import Preset
from qtopt_agent.replay.spec import StoreSpec
from qtopt_agent.training.distributed.calls import Calls, Ref
from qtopt_agent.training.distributed.deaths import Deaths
from qtopt_agent.training.distributed.log_reader import LogReader, Read
from qtopt_agent.training.distributed.placement import start
from qtopt_agent.training.distributed.replay import Replay

AT_ONCE = 16  # episodes
PAUSE = 2.0  # s, once there is nothing new


class Folders:
    """One actor that reads. all_read: whether it has come to the end of what there was at first."""

    def __init__(
        self,
        preset: Preset,
        folders: Sequence[Path],
        shards: Sequence[Path],
        spec: StoreSpec,
        hold_back: float,
        replay: Replay,
        calls: Calls,
        deaths: Deaths,
    ) -> None:
        self._replay, self._calls, self._deaths = replay, calls, deaths
        self._reader = start("reader", LogReader, preset, folders, shards, spec, hold_back)
        self._busy, self._told = False, set[str]()
        self.all_read = False

    def go_on(self) -> None:
        """Let the reader go on unless it does."""
        if not self._busy:
            self._busy = True
            read, episodes = self._reader.read.options(num_returns=2).remote(AT_ONCE, PAUSE if self.all_read else 0.0)
            self._calls.expect(read, partial(self._hear, episodes))

    def _hear(self, episodes: Ref, read: Read) -> None:
        self._busy = False
        self._deaths.heard("reader-0", read.process)
        for what in read.skipped:
            if what not in self._told:
                self._told.add(what)
                print(f"left out: {what}", file=sys.stderr)
        self.all_read |= read.all_read
        if read.names:
            self._replay.add_recorded(read.shard, read.sources, read.names, episodes)
