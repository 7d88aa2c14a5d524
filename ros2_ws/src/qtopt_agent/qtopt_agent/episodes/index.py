"""A table of all episodes below a folder, kept in SQLite. Delete the file at any time: it is made anew from them.

Each row has a digest of itself and of the state of the episode's files that it was made from. A row that is not as it
was written, or whose files have changed, is made anew.
"""

import hashlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from math import isfinite
from pathlib import Path
from typing import Any

from qtopt_agent.core.errors import CorruptEpisode, InvalidInput, StorageError
from qtopt_agent.episodes.reader import find_episodes, read_episode

FILE_NAME = "index.sqlite"
_VERSION = 2  # raise it when a column changes: older files are then filled anew
_BATCH = 200  # episodes a transaction


@dataclass(frozen=True)
class EpisodeRow:
    """One episode. `path` is relative to the index's root; times in s, sizes in bytes.

    `rate_hz` is the number of steps by the time they really took, None where the stamps do not say.
    """

    path: str
    episode_id: str
    steps: int
    success: bool
    truncated: bool
    reward: float
    profile: str
    policy: str
    model_version: str
    seed: int
    objects: tuple[str, ...]
    start: float
    duration: float
    rate_hz: float | None
    bytes: int


_COLUMNS = [*(field.name for field in fields(EpisodeRow)), "stamp", "digest"]
_TABLE = f"CREATE TABLE episodes ({', '.join(_COLUMNS)}, PRIMARY KEY (path))"


class EpisodeIndex:
    """Index of the episodes below `root`, in `root`/index.sqlite or the given `file`; any number of processes share it.

    Raises InvalidInput where `root` is no folder, StorageError where the file cannot be used.
    """

    def __init__(self, root: Path | str, file: Path | str | None = None) -> None:
        self._root = Path(root)
        self._file = self._root / FILE_NAME if file is None else file
        if not self._root.is_dir():
            raise InvalidInput(f"{root}: there is no such folder")
        if Path(self._file).exists() and not Path(self._file).is_file():
            raise StorageError(f"cannot use the index {self._file}: it is not an ordinary file")
        with self._errors():
            self._database = sqlite3.connect(self._file, timeout=60, isolation_level=None)
            self._database.execute("PRAGMA trusted_schema = OFF")
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
            with self._transaction():
                self._expect_our_table()

    def __enter__(self) -> "EpisodeIndex":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the file."""
        self._database.close()

    def update(self, progress: Callable[[int, int], None] = lambda done, total: None) -> list[str]:
        """Read the episodes that are new or changed, forget those that are gone; returns what could not be read.

        `progress` is called with how many of how many episodes to read are done.
        """
        known = {values[0]: values[-2] if _is_ours(values) else None for values in self._rows()}
        present = {str(folder.relative_to(self._root)): _stamp(folder) for folder in find_episodes(self._root)}
        todo = [path for path, stamp in present.items() if stamp and known.get(path) != stamp]
        gone = [(path,) for path in known if not present.get(path)]
        problems = []
        for first in range(0, len(todo), _BATCH):
            rows = []
            for done, path in enumerate(todo[first : first + _BATCH], first + 1):
                try:
                    rows.append(_to_database(describe(self._root / path, path), present[path]))
                except CorruptEpisode as error:
                    problems.append(str(error))
                    gone.append((path,))
                progress(done, len(todo))
            with self._errors(), self._transaction():
                holes = ", ".join("?" * len(_COLUMNS))
                self._database.executemany(f"INSERT OR REPLACE INTO episodes VALUES ({holes})", rows)
        with self._errors(), self._transaction():
            self._database.executemany("DELETE FROM episodes WHERE path = ?", gone)
        return problems

    def rows(self) -> list[EpisodeRow]:
        """Every episode that `update` has found, oldest first, but for rows that were changed since."""
        found = [_from_database(values) for values in self._rows() if _is_ours(values)]
        return sorted(found, key=lambda row: (row.episode_id, row.path))

    def _rows(self) -> list[tuple[Any, ...]]:
        with self._errors():
            return self._database.execute(f"SELECT {', '.join(_COLUMNS)} FROM episodes").fetchall()

    def _expect_our_table(self) -> None:
        """Make the table where it is not of this version. Raises StorageError where the file is something else."""
        found = self._database.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
        version = self._database.execute("PRAGMA user_version").fetchone()[0]
        if (found, version) == ([("table", "episodes", _TABLE)], _VERSION):
            return
        if found and [entry[:2] for entry in found] != [("table", "episodes")]:
            raise StorageError(f"cannot use the index {self._file}: it is another database, move it away")
        self._database.execute("DROP TABLE IF EXISTS episodes")
        self._database.execute(_TABLE)
        self._database.execute(f"PRAGMA user_version = {_VERSION}")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StorageError(
                f"cannot use the index {self._file}: {error}; it may be deleted, it is made anew from the episodes"
            ) from error


def describe(folder: Path | str, path: str = "") -> EpisodeRow:
    """The row of the episode in `folder`, called `path`. Raises CorruptEpisode as `read_episode` does."""
    episode = read_episode(folder)
    start = episode.steps[0].observation.stamp
    duration = episode.final.stamp - start
    if not isfinite(episode.total_reward):
        raise CorruptEpisode(f"{folder}: its rewards add up to {episode.total_reward}")
    return EpisodeRow(
        path,
        episode.episode_id,
        len(episode.steps),
        episode.success,
        episode.truncated,
        episode.total_reward,
        episode.profile,
        episode.policy,
        episode.model_version,
        episode.seed,
        episode.objects,
        start,
        duration,
        len(episode.steps) / duration if duration > 0 else None,
        sum(file.stat().st_size for file in Path(folder).iterdir()),
    )


def _to_database(row: EpisodeRow, stamp: str) -> tuple[Any, ...]:
    plain = (json.dumps(value) if isinstance(value, tuple) else value for value in astuple(row))
    values = (*(int(value) if isinstance(value, bool) else value for value in plain), stamp)
    return (*values, _digest(values))


def _is_ours(values: tuple[Any, ...]) -> bool:
    return bool(values[-1] == _digest(values[:-1]))


def _digest(values: tuple[Any, ...]) -> str:
    return hashlib.sha256(repr(values).encode()).hexdigest()


def _from_database(values: tuple[Any, ...]) -> EpisodeRow:
    row = dict(zip(_COLUMNS, values[:-2], strict=False))
    flags = {name: bool(row[name]) for name in ("success", "truncated")}
    return EpisodeRow(**{**row, **flags, "objects": tuple(json.loads(row["objects"]))})


def _stamp(folder: Path) -> str:
    """Changes whenever a file of the episode does; empty where the folder is gone."""
    try:
        with os.scandir(folder) as entries:
            return " ".join(sorted(f"{e.name}:{e.stat().st_size}:{e.stat().st_mtime_ns}" for e in entries))
    except FileNotFoundError:
        return ""
