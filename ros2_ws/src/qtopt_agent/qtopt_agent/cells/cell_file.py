"""A cell in one YAML file: shipped ones in config/cells, a lab's own anywhere."""

import json
from pathlib import Path
from typing import Any

from qtopt_agent.core.cell import SETTINGS, Cell
from qtopt_agent.core.errors import InvalidInput, StorageError
from qtopt_agent.core.nested_settings import by_full_name, grouped
from qtopt_agent.core.printable import printable
from qtopt_agent.core.ranges import converted, meaning
from qtopt_agent.core.shared_files import shared
from qtopt_agent.documents import read_yaml


def cell_names() -> list[str]:
    """Names of the shipped cells."""
    return sorted(path.stem for path in shared("config/cells").glob("*.yaml"))


def load_cell(name: str) -> Cell:
    """The shipped cell called `name`, or the one in a file that ends in .yaml. Raises InvalidInput."""
    if name.endswith(".yaml"):
        file = Path(name)
    elif name in cell_names():
        file = shared(f"config/cells/{name}.yaml")
    else:
        raise InvalidInput(f"unknown cell {name!r}, expected one of {', '.join(cell_names())} or a .yaml file")
    return make_cell(read_yaml(file), str(file))


def make_cell(settings: Any, name: str) -> Cell:
    """The cell with these `settings`, in groups as a file has them; what they leave out is the embedded cell's.

    `name` is what errors call it. Raises InvalidInput on what is unknown, out of range, or cannot be true at once.
    """
    if not isinstance(settings, dict):
        raise InvalidInput(f"{name}: expected key: value lines")
    try:
        values = by_full_name(settings, SETTINGS)
        return Cell(**grouped(Cell, {key: converted(key, value, SETTINGS[key].type) for key, value in values.items()}))
    except InvalidInput as error:
        raise InvalidInput(f"{name}: {error}") from error


def cell_text(cell: Cell, title: str) -> str:
    """`cell` as a file: every setting, with its meaning and unit beside it, below a line with `title`."""
    lines = [f"# {printable(title)}"]
    group = ""
    for name, value in cell.settings().items():
        outer, _, inner = name.rpartition(".")
        if outer != group:
            group = outer
            lines += [f"{outer}:"] if outer else []
        text = value if isinstance(value, str) else json.dumps(value)  # which is YAML on one line
        lines.append(f"{'  ' if outer else ''}{inner}: {text}  # {meaning(SETTINGS[name].type)}")
    return "\n".join(lines) + "\n"


def write_cell(cell: Cell, file: Path, title: str, over: bool = False) -> None:
    """Write `cell` to `file`, its folder made where there is none; it may be there already only where `over`.

    Raises InvalidInput where it is there, or is not called .yaml, and StorageError.
    """
    if file.suffix != ".yaml":
        raise InvalidInput(f"{file}: expected the name of a cell's file to end in .yaml")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("w" if over else "x", encoding="utf-8") as out:
            out.write(cell_text(cell, title))
    except FileExistsError as error:
        raise InvalidInput(f"{file} is there already, expected a new file") from error
    except OSError as error:
        raise StorageError(f"cannot write {file}: {error.strerror}") from error
