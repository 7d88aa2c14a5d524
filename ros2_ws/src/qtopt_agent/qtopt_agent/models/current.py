"""Which model of a store is in force, where somebody has said so: a small file that is replaced by one rename."""

from dataclasses import dataclass
from pathlib import Path

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.documents import read_json
from qtopt_agent.models.files import write_json

CURRENT = "current.json"


@dataclass(frozen=True)
class Current:
    """version: a folder of the store. before: those that were in force before it, the last one last."""

    version: str
    before: tuple[str, ...] = ()


def read_current(store: Path) -> Current | None:
    """What is in force in `store`; None where nobody has said. Raises InvalidInput where it is not there any more."""
    file = store / CURRENT
    if not file.exists():
        return None
    found = read_json(file)
    if not isinstance(found, dict) or set(found) != {"version", "before"} or not isinstance(found["before"], list):
        raise InvalidInput(f"{file} holds {found!r}, expected a version and those before it")
    names = (found["version"], *found["before"])
    if not all(isinstance(name, str) and name and Path(name).name == name for name in names):
        raise InvalidInput(f"{file} holds {found!r}, expected names of folders")
    if not (store / names[0]).is_dir():
        raise InvalidInput(f"{file} says that {names[0]} is in force: there is no such model in {store}")
    return Current(names[0], tuple(names[1:]))


def write_current(store: Path, current: Current) -> None:
    """From now on, `current` is in force in `store`."""
    write_json(store / CURRENT, {"version": current.version, "before": list(current.before)})
