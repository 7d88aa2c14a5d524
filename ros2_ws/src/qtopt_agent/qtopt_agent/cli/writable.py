"""Where results go has to be writable before the work is done, not after it."""

import os
from pathlib import Path

import typer

STDOUT = Path("-")


def writable_file(file: Path | None) -> Path | None:
    """`file`, if it is -, or can be written, its folders made where there are none. Raises BadParameter, OSError."""
    if file is None or file == STDOUT:
        return file
    there = _nearest(file)
    return _checked(file, there.is_dir() != (there == file), there)


def writable_folder(folder: Path) -> Path:
    """`folder`, if it can be written to, or made. Raises BadParameter, OSError."""
    there = _nearest(folder)
    return _checked(folder, there.is_dir(), there)


def _nearest(path: Path) -> Path:
    """`path`, or the nearest above it that exists."""
    for each in (path, *path.absolute().parents):
        try:
            each.stat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        return each
    return path


def _checked(path: Path, fits: bool, there: Path) -> Path:
    if not fits or not os.access(there, os.W_OK):
        raise typer.BadParameter(f"{str(path)!r} cannot be written")
    return path
