"""Where a hand goes between attempts: start poses, places to drop at, and where it is out of the way; from a cell."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.cell import Cell
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.safety.limits import WorkspaceBox

FROM_WALL = 0.03  # m of an object beyond the open jaw: what is dropped lands clear of the walls


@dataclass(frozen=True)
class Place:
    """Of the finger tips in the base frame: position [3], m, and yaw, rad, -pi..pi."""

    position: NDArray[np.float64]
    yaw: float


class Places:
    """Drawn from the cell by a generator that is passed in.

    away: x, y, z in the base frame, m, from where the bin is looked at; none: above the bin for a camera in the hand,
    else over a corner of the workspace, out of a fixed camera's view. Raises InvalidInput where the arm may not go
    there, or where the jaw does not fit into the bin.
    """

    def __init__(self, cell: Cell, workspace: WorkspaceBox, away: tuple[float, ...] = ()) -> None:
        self._attempt, self._middle = cell.attempt, np.array(cell.bin.position)
        jaw = cell.jaw
        widest = max(jaw.aperture + 2 * jaw.finger_thickness, *jaw.palm[:2]) / 2 + FROM_WALL
        self._room = np.maximum(np.array(cell.bin.size) / 2 - widest, 0.0)
        lowest, highest = cell.attempt.start_height
        self.clear = float(self._middle[2] + lowest)
        """Height in the base frame, m, at which the hand passes over everything."""
        self.floor = float(self._middle[2])
        if len(away) not in (0, 3):
            raise InvalidInput(f"retreat is {list(away)}, expected x, y, z in the base frame, or nothing")
        if away:
            position = np.array(away)
        elif cell.camera.mount == "hand":
            position = self._middle + np.array([0.0, 0.0, highest])
        else:
            position = np.array([*workspace.low[:2], self._middle[2] + highest])
        self.away = Place(position, 0.0)
        if position[2] < self.clear:
            raise InvalidInput(f"retreat is {position[2]} m high, expected {self.clear:.3f} or more: clear of the bin")
        spread = np.array([cell.attempt.start_spread, cell.attempt.start_spread, 0.0])
        low, high = (self._middle + np.array([0.0, 0.0, height]) for height in (lowest, highest))
        for place in (low - spread, high + spread, position):
            if not workspace.contains(place):
                raise InvalidInput(
                    f"the cycle goes to {place.round(3).tolist()}, the arm's workspace is {workspace.low} to "
                    f"{workspace.high}: change the cell's attempt.start_spread or start_height, or retreat"
                )

    def start(self, rng: np.random.Generator) -> Place:
        """A start pose, as the cell's attempt has it."""
        spread, turn = self._attempt.start_spread, self._attempt.start_turn
        place = [*rng.uniform(-spread, spread, 2), rng.uniform(*self._attempt.start_height)]
        return Place(self._middle + place, float(rng.uniform(-turn, turn)))

    def drop(self, rng: np.random.Generator, yaw: float) -> Place:
        """Over a place in the bin, well inside its walls, with the hand turned by `yaw`."""
        x, y = rng.uniform(-self._room, self._room)
        return Place(np.array([self._middle[0] + x, self._middle[1] + y, self.clear]), yaw)
