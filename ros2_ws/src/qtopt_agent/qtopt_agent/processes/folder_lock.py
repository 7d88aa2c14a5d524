"""Folders that are one process's at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qtopt_agent.core.errors import InvalidInput


@contextmanager
def one_process(run: Path) -> Iterator[None]:
    """Hold the folder `run`; a process that is killed lets go of it.

    Raises InvalidInput where there is no such folder, or another process holds it.
    """
    if not run.is_dir():
        raise InvalidInput(f"there is no folder {run}, expected that of a run")
    lock = lock_folder(run, alone=True)
    if lock is None:
        raise InvalidInput(f"run {run} is in use by another process: let that end first, or choose another folder")
    try:
        yield
    finally:
        os.close(lock)


def lock_folder(folder: Path, *, alone: bool) -> int | None:
    """A lock on `folder` as an open file descriptor: shared by recordings in it, `alone` for a repair.

    None where `alone` is asked for and somebody records there. The kernel frees the lock of a process that dies.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB if alone else fcntl.LOCK_SH)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
