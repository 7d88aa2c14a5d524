"""What a simulated world really does, for whoever checks a rehearsal: in a file, and never on a topic."""

import json
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.errors import StorageError

PERIOD = 0.1  # s between two lines


class TrueWorld(Protocol):
    """A world in real time, with all lengths in its bin's frame, m."""

    time: float

    def pose(self) -> NDArray[np.float64]:
        """Of the finger tips: x, y, z and yaw, rad."""
        ...

    def aperture(self) -> float:
        """Distance between the fingers."""
        ...

    @property
    def closed(self) -> bool:
        """Whether the jaw is told to shut."""
        ...

    def objects(self) -> list[tuple[NDArray[np.float64], float]]:
        """Of each object its middle [3] and the height of its lowest point."""
        ...


class TruthLog:
    """JSON lines: stamp, s; tips x, y, z, m; aperture, m; closed; of each object its middle x, y, z and its bottom, m.

    All in the bin's frame. Raises StorageError where the file cannot be written.
    """

    def __init__(self, file: str) -> None:
        try:
            self._file = Path(file).open("a", encoding="utf-8")  # noqa: SIM115
        except OSError as error:
            raise StorageError(f"truth is {file!r}, which cannot be written: {error}") from error
        self._due = 0.0

    def record(self, world: TrueWorld, stamp: float) -> None:
        """How things are now, unless the last line is of a moment ago."""
        if world.time < self._due:
            return
        self._due = world.time + PERIOD
        line = {
            "stamp": stamp,
            "tips": world.pose()[:3].round(4).tolist(),
            "aperture": round(world.aperture(), 4),
            "closed": world.closed,
            "objects": [[*middle.round(4).tolist(), round(bottom, 4)] for middle, bottom in world.objects()],
        }
        try:
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()
        except OSError as error:
            raise StorageError(f"truth cannot be written: {error}") from error
