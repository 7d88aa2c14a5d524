"""A folder of pictures of a board, with poses.yaml: the board, and where the tip frame was in each picture.

board: {squares: [7, 5], square: 0.03, marker: 0.022, dictionary: DICT_4X4_50}
poses:
  01.png: {position: [0.02, -0.1, 0.31], orientation: [0.0, 0.1305, 0.0, 0.9914]}
"""

from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np

from qtopt_agent.cells.board import NotSeen, make_board
from qtopt_agent.cells.calibration import View
from qtopt_agent.cells.pinhole import Lens, Numbers, moved, pose, read_picture
from qtopt_agent.core.cell import Camera
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.ranges import Range, converted
from qtopt_agent.core.rotations import matrix_of
from qtopt_agent.documents import read_yaml

POSES = "poses.yaml"
MAX_BENT = 2.0  # px, root mean square distance of corners from those of a flat board

_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
_Coordinate = Annotated[float, Range(-10, 10)]
_Part = Annotated[float, Range(-1, 1)]
_PARTS = {
    "position": tuple[_Coordinate, _Coordinate, _Coordinate],
    "orientation": tuple[_Part, _Part, _Part, _Part],
}


def read_views(folder: Path, camera: Camera) -> tuple[list[View], dict[str, str]]:
    """Views of the board by `camera`, by name, and why each of the other pictures in `folder` is left out.

    Raises InvalidInput where poses.yaml is not as it should be, names a picture that is missing, or a picture is
    damaged or not of the stream's size.
    """
    file = folder / POSES
    document = read_yaml(file)
    if not isinstance(document, dict) or set(document) != {"board", "poses"} or not isinstance(document["poses"], dict):
        raise InvalidInput(f"{file}: expected board, and poses of pictures by their names")
    board = make_board(document["board"], f"{file}: board")
    poses = {name: _pose(value, f"{file}: {name}") for name, value in sorted(document["poses"].items())}
    pictures = {each.name for each in folder.iterdir() if each.suffix.lower() in _SUFFIXES}
    if missing := [name for name in poses if name not in pictures]:
        raise InvalidInput(f"{file} has poses for {', '.join(missing)}: expected pictures of that name beside it")
    views: list[View] = []
    left_out = {name: f"has no pose in {POSES}" for name in sorted(pictures - set(poses))}
    lens = Lens(camera)
    for name, tips in poses.items():
        try:
            views.append(make_view(name, lens, tips, *board.corners(read_picture(folder / name, camera))))
        except NotSeen as reason:
            left_out[name] = str(reason)
    return views, left_out


def _pose(value: Any, name: str) -> Numbers:
    if not isinstance(value, dict) or set(value) != set(_PARTS):
        raise InvalidInput(f"{name} is {value!r:.100}, expected position and orientation")
    position, orientation = (converted(f"{name}: {part}", value[part], kind) for part, kind in _PARTS.items())
    if not 0.9 < np.linalg.norm(orientation) < 1.1:
        raise InvalidInput(f"{name}: orientation is {orientation}, expected a quaternion x, y, z, w of length 1")
    return pose(matrix_of(orientation), np.array(position))


def make_view(name: str, lens: Lens, tips: Numbers, corners: Numbers, pixels: Numbers) -> View:
    """The view of corners [N, 3] on a board, m, at `pixels` [N, 2]. Raises NotSeen where these are of no flat board."""
    place = (corners, pixels, lens.matrix, lens.distortion)
    _, turns, positions, _ = cv2.solvePnPGeneric(*place, flags=cv2.SOLVEPNP_IPPE)  # two poses, the better one first
    turn, position = cv2.solvePnPRefineLM(*place, turns[0], positions[0])
    board = pose(turn.ravel(), position)
    bent = np.sqrt(((lens.project(moved(corners, board)) - pixels) ** 2).sum(axis=1).mean())
    if not bent <= MAX_BENT:
        raise NotSeen(f"corners lie {bent:.1f} px from those of a flat board, expected at most {MAX_BENT:.0f}")
    return View(name, tips, board, corners, pixels)
