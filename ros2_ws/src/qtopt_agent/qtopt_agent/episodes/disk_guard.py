"""Watches the free space where episodes are written, so that a full disk ends recording and nothing else."""

import shutil
from collections.abc import Callable
from pathlib import Path

from qtopt_agent.core.errors import InvalidInput

GIB = 2**30


class DiskGuard:
    """Says whether there is room to record: no from `stop` bytes free downwards, yes again from `go_on` bytes upwards.

    `free` measures bytes free at a path.
    """

    def __init__(
        self,
        folder: Path,
        stop: int = GIB,
        go_on: int = 2 * GIB,
        free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    ) -> None:
        if not 0 <= stop < go_on:
            raise InvalidInput(f"stop at {stop} bytes free, go on at {go_on}: expected 0 <= stop < go on")
        self._folder, self._stop, self._go_on, self._measure = folder, stop, go_on, free
        self._room = True

    def free(self) -> int:
        """Bytes free where the folder is, or will be."""
        existing = next(path for path in (self._folder, *self._folder.absolute().parents) if path.exists())
        return self._measure(existing)

    def room(self) -> bool:
        """Whether an episode may be begun now."""
        free = self.free()
        self._room = free > self._stop if self._room else free >= self._go_on
        return self._room

    def failed(self) -> None:
        """A write has failed for lack of space: there is no room until `go_on` bytes are free."""
        self._room = False

    def __str__(self) -> str:
        """How things stand, for a log or a diagnostic."""
        state = "recording" if self._room else "NOT recording"
        return f"{state}: {self.free() / GIB:.2f} GiB free at {self._folder}, needs {self._stop / GIB:.2f}"
