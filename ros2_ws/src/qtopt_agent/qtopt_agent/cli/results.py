"""How commands give their results: as lines and tables that any terminal shows, or as JSON."""

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from qtopt_agent.cli.writable import STDOUT, writable_file
from qtopt_agent.core.printable import printable

_NUMBER = re.compile(r"(-?\d[\d.,]*(e[-+]\d+)?)?")


JsonFile = Annotated[
    Path | None,
    typer.Option(
        "--json",
        metavar="PATH",
        callback=writable_file,
        help="Write the result to this file as JSON, too; - prints JSON instead of text.",
    ),
]


def printed_as_json(file: Path | None, result: object) -> bool:
    """Write `result` to `file`, if there is one. True where that is -: then nothing else is to be printed."""
    if file is None:
        return False
    text = json.dumps(_plain(result), indent=2, allow_nan=False, default=str)
    if file == STDOUT:
        typer.echo(text)
        return True
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text + "\n", encoding="utf-8")
    return False


def _plain(value: Any) -> Any:
    """`value` with null for numbers that are not finite, which JSON has no word for."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]], title: str = "") -> None:
    """Columns without lines between them, numbers to the right. What is too wide is folded, nothing is left out."""
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    columns = [Column(heading, overflow="fold") for heading in headings]
    for i, column in enumerate(columns):
        column.justify = "right" if all(_NUMBER.fullmatch(row[i]) for row in rows) else "left"
    if rows:
        columns[0].min_width = min(40, max(len(row[0]) for row in rows))  # a name is copied more easily in one piece
    table = Table(*columns, box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    if title:
        typer.echo(printable(title))
    Console().print(table)
