"""A person's or a detector's word on how a grasp ended, kept beside the recording, which stays as it is."""

import json
import os
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from qtopt_agent.core.episode import Episode
from qtopt_agent.core.errors import CorruptEpisode, InvalidInput, StorageError
from qtopt_agent.core.profile import get_profile
from qtopt_agent.documents import read_json

FILE_NAME = "label.json"


@dataclass(frozen=True)
class Label:
    """success: an object was held at the end. author: who says so. created: ISO 8601, UTC."""

    success: bool
    author: str
    created: str


def checked_author(author: str) -> str:
    """Raises InvalidInput where it is not 1 to 200 printable characters."""
    if not author.strip() or len(author) > 200 or not author.isprintable():
        raise InvalidInput(f"the author of a label is {author[:200]!r}, expected 1 to 200 printable characters")
    return author


def write_label(folder: Path, success: bool, author: str) -> None:
    """Label the episode in `folder`, in place of an earlier label; it is on the disk once this returns.

    Raises InvalidInput on an author as `checked_author` does, or StorageError.
    """
    label = Label(success, checked_author(author), datetime.now(UTC).isoformat(timespec="seconds"))
    temporary = folder / f".{FILE_NAME}-{os.getpid()}"
    try:
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(asdict(label), file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, folder / FILE_NAME)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StorageError(f"cannot label {folder}: {error.strerror}") from error


def read_label(folder: Path) -> Label | None:
    """The label of the episode in `folder`, if it has one. Raises CorruptEpisode on a file that is none."""
    file = folder / FILE_NAME
    if not file.exists():
        return None
    try:
        found = read_json(file)
    except InvalidInput as error:
        raise CorruptEpisode(str(error)) from error
    if not isinstance(found, dict) or set(found) != {"success", "author", "created"}:
        raise CorruptEpisode(f"{file} holds {found!r}, expected success, author and created")
    for name, kind in {"success": bool, "author": str, "created": str}.items():
        if not isinstance(found[name], kind):
            raise CorruptEpisode(f"{file}: {name} is {found[name]!r}, expected {kind.__name__}")
    return Label(**found)


def labelled(episode: Episode, label: Label) -> Episode:
    """`episode` with the outcome of `label`, and with the reward that its profile gives for it."""
    steps = episode.steps
    if steps[-1].terminal:
        reward = get_profile(episode.profile).reward(last=True, success=label.success)
        steps = (*steps[:-1], replace(steps[-1], reward=reward))
    return replace(episode, steps=steps, success=label.success)
