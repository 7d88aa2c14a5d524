"""Putting a model of a store in force, and taking it back; each change is recorded before it is made."""

from pathlib import Path
from typing import Any

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.models.alternation import Verdict
from qtopt_agent.models.current import Current, read_current, write_current
from qtopt_agent.models.history import PROMOTED, ROLLED_BACK, Change, alone, record
from qtopt_agent.models.manifest import MANIFEST
from qtopt_agent.models.opened import open_model
from qtopt_agent.models.store import copy_into, latest
from qtopt_agent.models.turns import Turns, forget_turns, read_turns

MOST_BEFORE = 100  # that can be rolled back to


def promote(
    candidate: Path, store: Path, who: str, why: str = "", forced: bool = False, evidence: dict[str, Any] | None = None
) -> Path:
    """Put the model `candidate` in force in `store`, copied there if it lies elsewhere; returns its folder.

    A running agent that watches the store follows; turns that are taken there end. Raises IncompatibleModel where it is
    damaged, InvalidInput where it is in force already, or the store has another model of that name.
    """
    with alone(store):
        return _promote(candidate, store, who, why, forced, evidence or {})


def _promote(candidate: Path, store: Path, who: str, why: str, forced: bool, evidence: dict[str, Any]) -> Path:
    version = open_model(candidate).manifest["version"]
    current = read_current(store)
    if current is None:
        current = Current(latest(store).name) if any(store.glob(f"[!.]*/{MANIFEST}")) else None
    elif current.version == version:
        raise InvalidInput(f"{version} is in force in {store} already")
    folder = copy_into(store, candidate)
    before = (*current.before, current.version)[-MOST_BEFORE:] if current and current.version != version else ()
    forget_turns(store, who, why or f"{version} is put in force")
    record(store, PROMOTED, version, before[-1] if before else "", who, why, forced, evidence)
    write_current(store, Current(version, before))
    return folder


def conclude(store: Path, turns: Turns) -> None:
    """Do what the verdict on `turns` says: a better candidate is put in force, otherwise the incumbent stays.

    Nothing where they have ended meanwhile. Raises as `promote` does.
    """
    with alone(store):
        if read_turns(store) != turns:
            return
        if turns.verdict == Verdict.BETTER:
            _promote(store / turns.candidate, store, turns.who, str(turns), False, {"error": turns.error})
        else:
            forget_turns(store, turns.who, str(turns))


def roll_back(store: Path, who: str, why: str = "") -> Change:
    """Put in force again what was before the last promotion; once more, and it is the one before that.

    Turns that are taken end. Raises InvalidInput where there is none, or it is not in the store any more.
    """
    with alone(store):
        current = read_current(store)
        if current is None or not current.before:
            raise InvalidInput(f"nothing was in force in {store} before" + (f" {current.version}" if current else ""))
        *earlier, version = current.before
        if not (store / version / MANIFEST).exists():
            raise InvalidInput(f"{version} was in force before {current.version}: it is not in {store} any more")
        forget_turns(store, who, why or f"{version} is put in force")
        change = record(store, ROLLED_BACK, version, current.version, who, why, False, {})
        write_current(store, Current(version, tuple(earlier)))
    return change
