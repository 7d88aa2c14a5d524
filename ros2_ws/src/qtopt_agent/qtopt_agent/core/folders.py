"""What lies below a folder, links included."""

import os
from collections.abc import Iterator
from pathlib import Path

from qtopt_agent.core.errors import InvalidInput


def walk(root: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Folders from `root` on, each with the names of the folders and of the files in it, as `os.walk` gives them.

    Links are followed, but no folder is visited twice, so that a circle ends. Whoever takes names out of the folders,
    or sorts them, decides what is visited next. Raises InvalidInput where a folder cannot be read.
    """

    def failed(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):  # it may have gone since its parent was listed
            raise InvalidInput(f"{error.filename}: {error.strerror}") from error

    seen: set[tuple[int, int]] = set()
    for name, folders, files in os.walk(root, onerror=failed, followlinks=True):
        try:
            about = os.stat(name)
        except FileNotFoundError:
            folders.clear()
            continue
        if (about.st_dev, about.st_ino) in seen:
            folders.clear()
            continue
        seen.add((about.st_dev, about.st_ino))
        yield Path(name), folders, files
