"""Every change of what is in force in a store, and everything else that is decided about its models: who, when, why."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.documents import parse_json

HISTORY = "history.jsonl"
PROMOTED, ROLLED_BACK = "promoted", "rolled back"
TURNS_BEGUN, TURNS_ENDED = "turns begun", "turns ended"


@dataclass(frozen=True)
class Change:
    """One change of what is in force: `version`, in place of `before`, "" for none. evidence: what a comparison found.

    forced: without a comparison that it won. Turns that begin or end change nothing: `version` is their candidate.
    """

    time: str
    what: str
    version: str
    before: str
    who: str
    why: str = ""
    forced: bool = False
    evidence: dict[str, Any] = field(default_factory=dict)


def history(store: Path) -> list[Change]:
    """Every change in `store`, oldest first. Raises InvalidInput where it is no folder, or on a line that is none."""
    if not store.is_dir():
        raise InvalidInput(f"{store} is no folder: expected a store of models")
    file = store / HISTORY
    if not file.exists():
        return []
    changes = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        try:
            changes.append(Change(**parse_json(line, f"{file}, line {number}")))
        except TypeError as error:
            raise InvalidInput(f"{file}, line {number}: {error}") from error
    return changes


def record(
    store: Path, what: str, version: str, before: str, who: str, why: str, forced: bool, evidence: dict[str, Any]
) -> Change:
    """Write a change down before it is made; for the time being nobody else changes anything: see `alone`.

    Raises InvalidInput where who or why is not fit to be printed, or nobody.
    """
    if not who.strip() or not (who + why).isprintable():
        raise InvalidInput(f"who is {who[:200]!r} and why {why[:200]!r}, expected printable characters, who not empty")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    change = Change(now, what, version, before, who, why, forced, evidence)
    with (store / HISTORY).open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(change), allow_nan=False) + "\n")
        file.flush()
        os.fsync(file.fileno())
    return change


@contextmanager
def alone(store: Path) -> Iterator[None]:
    """Of two who change a store at once, one waits."""
    if not store.is_dir():
        raise InvalidInput(f"there is no folder of models at {store}")
    folder = os.open(store, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
