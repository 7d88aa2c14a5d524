"""Errors a user can act on. The command line prints their text and exits with code 2."""

import difflib
from collections.abc import Iterable


class QtoptError(Exception):
    """Base of every error raised on purpose; the text names the thing, its value and what was expected."""


class InvalidInput(QtoptError, ValueError):
    """A value from outside (an image, a state, an action, an option) is not what was expected."""


class CorruptEpisode(QtoptError):
    """An episode on disk cannot be read as a whole."""


class IncompatibleModel(QtoptError):
    """A model's files, hashes or specification do not fit what is asked of it."""


class StorageError(QtoptError):
    """A file could not be written: the disk is full, permission is missing."""


def unknown(what: str, name: str, known: Iterable[str]) -> InvalidInput:
    """The error about a `what` called `name` that is none of those `known`, with the one whose name is nearest."""
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
    return InvalidInput(f"unknown {what} {name}, the nearest that there is: {nearest}")
