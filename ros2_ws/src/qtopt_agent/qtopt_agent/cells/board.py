"""A ChArUco board: a chessboard with a marker in each white square, so that each of its corners has a number."""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from qtopt_agent.cells.pinhole import Numbers
from qtopt_agent.core.errors import InvalidInput, unknown
from qtopt_agent.core.nested_settings import by_full_name, settings_of
from qtopt_agent.core.ranges import Range, converted

MIN_CORNERS = 6

_Count = Annotated[int, Range(3, 100)]
_Side = Annotated[float, Range(0.001, 1)]


class NotSeen(Exception):
    """The board cannot be measured in a picture; the text says why."""


@dataclass(frozen=True)
class Board:
    """Raises InvalidInput where no such board can be printed."""

    squares: Annotated[tuple[_Count, _Count], "along x and y"]
    square: Annotated[_Side, "side, m, as measured on the print"]
    marker: Annotated[_Side, "side, m, as measured on the print"]
    dictionary: Annotated[str, "as OpenCV calls it, such as DICT_4X4_50"]
    legacy: Annotated[bool, "an even number of rows that begin with a white square, as before OpenCV 4.6"] = False

    def __post_init__(self) -> None:
        if not hasattr(cv2, "aruco") or not hasattr(cv2.aruco, "CharucoDetector"):
            raise InvalidInput(f"OpenCV {cv2.__version__} finds no ChArUco boards, expected 4.7 or newer")
        if self.marker >= self.square:
            raise InvalidInput(f"marker is {self.marker} m, expected smaller than a square, {self.square} m")
        known = [name for name in dir(cv2.aruco) if name.startswith("DICT_")]
        if self.dictionary not in known:
            raise unknown("dictionary", self.dictionary, known)
        needed, there = self.squares[0] * self.squares[1] // 2, len(self._dictionary.bytesList)
        if needed > there:
            raise InvalidInput(f"squares are {self.squares}, expected markers for them, {needed}, in {self.dictionary}")

    @property
    def _dictionary(self) -> Any:
        return cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, self.dictionary))

    @cached_property
    def printed(self) -> Any:
        """The board as OpenCV knows it, which can draw it."""
        made = cv2.aruco.CharucoBoard(self.squares, self.square, self.marker, self._dictionary)
        made.setLegacyPattern(self.legacy)
        return made

    @cached_property
    def _detector(self) -> Any:
        return cv2.aruco.CharucoDetector(self.printed)

    def corners(self, picture: NDArray[np.uint8]) -> tuple[Numbers, Numbers]:
        """Corners seen in `picture`, uint8 [H, W, 3] RGB: on the board, m [N, 3], and in the picture, px [N, 2].

        Raises NotSeen where they are fewer than MIN_CORNERS, or on one line.
        """
        pixels, ids, _, markers = self._detector.detectBoard(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))
        found = 0 if ids is None else len(ids)
        if found < MIN_CORNERS:
            seen = 0 if markers is None else len(markers)
            hint = ": is legacy, or another number of squares, true of the board?" if not found and seen > 4 else ""
            raise NotSeen(f"{seen} markers and {found} corners seen, expected at least {MIN_CORNERS} corners{hint}")
        if self.printed.checkCharucoCornersCollinear(ids):
            raise NotSeen(f"the {found} corners seen lie on one line")
        places = np.asarray(self.printed.getChessboardCorners(), dtype=np.float64)[ids.ravel()]
        return places, pixels.reshape(-1, 2).astype(np.float64)


def make_board(settings: Any, name: str) -> Board:
    """The board with these `settings`, as a file has them; `name` is what errors call it. Raises InvalidInput."""
    known = settings_of(Board)
    if not isinstance(settings, dict):
        raise InvalidInput(f"{name}: expected the board's {', '.join(known)}")
    try:
        values = by_full_name(settings, known)
        if missing := [each for each in known if each not in values and each != "legacy"]:
            raise InvalidInput(f"{missing[0]} is missing, expected the board's {', '.join(known)}")
        return Board(**{key: converted(key, value, known[key].type) for key, value in values.items()})
    except InvalidInput as error:
        raise InvalidInput(f"{name}: {error}") from error
