"""Putting a model of a store in force, and taking it back; each change is recorded before it is made."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.documents import parse_json
from qtopt_agent.models.current import Current, read_current, write_current
from qtopt_agent.models.manifest import MANIFEST, WEIGHTS
from qtopt_agent.models.opened import open_model
from qtopt_agent.models.store import latest

HISTORY = "history.jsonl"
PROMOTED, ROLLED_BACK = "promoted", "rolled back"
MOST_BEFORE = 100  # that can be rolled back to


@dataclass(frozen=True)
class Change:
    """One change of what is in force: `version`, in place of `before`, "" for none. evidence: what a comparison found.

    forced: without a comparison that it won.
    """

    time: str
    what: str
    version: str
    before: str
    who: str
    why: str = ""
    forced: bool = False
    evidence: dict[str, Any] = field(default_factory=dict)


def promote(
    candidate: Path, store: Path, who: str, why: str = "", forced: bool = False, evidence: dict[str, Any] | None = None
) -> Path:
    """Put the model `candidate` in force in `store`, copied there if it lies elsewhere; returns its folder.

    A running agent that watches the store follows. Raises IncompatibleModel where it is damaged, InvalidInput where it
    is in force already, or the store has another model of that name.
    """
    opened = open_model(candidate)
    version = opened.manifest["version"]
    with _alone(store):
        current = read_current(store)
        if current is None:
            current = Current(latest(store).name) if any(store.glob(f"[!.]*/{MANIFEST}")) else None
        elif current.version == version:
            raise InvalidInput(f"{version} is in force in {store} already")
        _copy(candidate, store, version, opened.manifest["sha256"][WEIGHTS])
        before = (*current.before, current.version)[-MOST_BEFORE:] if current and current.version != version else ()
        _record(store, PROMOTED, version, before[-1] if before else "", who, why, forced, evidence or {})
        write_current(store, Current(version, before))
    return store / version


def roll_back(store: Path, who: str, why: str = "") -> Change:
    """Put in force again what was before the last promotion; once more, and it is the one before that.

    Raises InvalidInput where there is none, or it is not in the store any more.
    """
    with _alone(store):
        current = read_current(store)
        if current is None or not current.before:
            raise InvalidInput(f"nothing was in force in {store} before" + (f" {current.version}" if current else ""))
        *earlier, version = current.before
        if not (store / version / MANIFEST).exists():
            raise InvalidInput(f"{version} was in force before {current.version}: it is not in {store} any more")
        change = _record(store, ROLLED_BACK, version, current.version, who, why, False, {})
        write_current(store, Current(version, tuple(earlier)))
    return change


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


def _copy(candidate: Path, store: Path, version: str, weights: str) -> None:
    target = store / version
    if target.exists():
        if open_model(target).manifest["sha256"][WEIGHTS] != weights:
            raise InvalidInput(f"{target} is another model of that name; a published version never changes")
        return
    partial = store / f".partial-{version}-{os.getpid()}"
    try:
        shutil.copytree(candidate, partial)
        open_model(partial, version=version)
        os.rename(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _record(
    store: Path, what: str, version: str, before: str, who: str, why: str, forced: bool, evidence: dict[str, Any]
) -> Change:
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
def _alone(store: Path) -> Iterator[None]:
    """Of two who change a store at once, one waits."""
    if not store.is_dir():
        raise InvalidInput(f"there is no folder of models at {store}")
    folder = os.open(store, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
