"""A training run's folder is one process's at a time."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.episodes.recording import lock_folder


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
