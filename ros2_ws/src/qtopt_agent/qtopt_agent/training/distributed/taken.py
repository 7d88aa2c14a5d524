"""Which recorded episodes a replay store has taken in: each once, however often its process dies."""

import json
import os
from pathlib import Path

from qtopt_agent.documents import parse_json

FILE = "recorded.txt"


class Taken:
    """Names of the recorded episodes in a store's folder.

    A name is written before its episode is; names of episodes that did not get into the store are dropped when the
    file is opened again.
    """

    def __init__(self, folder: Path, following: int) -> None:
        """`following`: number of the store's next episode."""
        self._path = folder / FILE
        kept = [(number, name) for number, name in _lines(folder) if number < following]
        self._names = {name for _, name in kept}
        temporary = self._path.with_suffix(".tmp")
        temporary.write_text("".join(_line(number, name) for number, name in kept), encoding="utf-8")
        os.replace(temporary, self._path)

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def __len__(self) -> int:
        return len(self._names)

    def note(self, name: str, number: int) -> None:
        """The episode called `name` is about to become episode `number`."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(_line(number, name))
        self._names.add(name)


def surely_taken(folder: Path) -> set[str]:
    """Names of the episodes that are in the store in `folder` for certain, whoever writes there: all but the last."""
    return {name for _, name in _lines(folder)[:-1]}


def _line(number: int, name: str) -> str:
    return f"{number} {json.dumps(name)}\n"


def _lines(folder: Path) -> list[tuple[int, str]]:
    path = folder / FILE
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    parts = [line.split(" ", 1) for line in lines if line.endswith("\n")]  # a kill may cut the last
    return [(int(number), str(parse_json(name, str(path)))) for number, name in parts]
