"""A cell laid over a photograph: edges of bin and jaw where the cell says that its camera sees them."""

from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL.Image
from numpy.typing import NDArray

from qtopt_agent.cells.pinhole import Lens, Numbers, inverse, mounted, moved, pose
from qtopt_agent.core.cell import Cell
from qtopt_agent.core.cell_boxes import WALL_THICKNESS, Box, contains, finger, hidden, palm, walls
from qtopt_agent.core.errors import InvalidInput

Picture = NDArray[np.uint8]
Line = NDArray[Any]
"""Points int32 [N, 2] in fractions of a pixel, as OpenCV draws them: 1 px is 1 << SHIFT."""

COLOURS = {"floor": (60, 140, 255), "rim": (255, 150, 0), "fingers": (0, 230, 90), "palm": (255, 70, 200)}  # RGB
SHIFT = 4

_SAMPLES = 200  # on an edge
_NEAREST = 0.005  # m before the camera
_OUTLINE = np.ones((7, 7), np.uint8)  # px: an edge so far within the jaw's outline is not compared


@dataclass(frozen=True)
class Overlay:
    """picture: uint8 [H, W, 3] RGB. jaw_distance: px, None where no outline of the jaw is in the picture."""

    picture: Picture
    jaw_distance: float | None


def lay_over(cell: Cell, photograph: Picture, tips: Numbers) -> Overlay:
    """`photograph` with the edges that the cell's camera sees, the jaw open, the tip frame at `tips` in the base frame.

    photograph: uint8 [H, W, 3] RGB, of the stream's size. The jaw's distance is the mean, over the pixels of its
    outline, of that to the nearest edge in the photograph (Canny 1986); edges within the outline do not count, because
    on a dark jaw none is to be seen there. Raises InvalidInput where the photograph has no edge.
    """
    scene = _Scene(cell, tips)
    drawn, outline = photograph.copy(), np.zeros(photograph.shape[:2], np.uint8)
    for row, (name, lines) in enumerate(scene.visible_edges().items()):
        cv2.polylines(drawn, lines, False, COLOURS[name], 1, cv2.LINE_AA, SHIFT)
        cv2.putText(drawn, name, (8, 20 + 18 * row), cv2.FONT_HERSHEY_SIMPLEX, 0.5, COLOURS[name], 1, cv2.LINE_AA)
        if name in ("fingers", "palm"):
            cv2.polylines(outline, lines, False, 255, 1, cv2.LINE_8, SHIFT)
    within = np.zeros_like(outline)
    for hull in scene.jaw_hulls():
        cv2.fillConvexPoly(within, hull, 255, cv2.LINE_8, SHIFT)
    outline[cv2.erode(within, _OUTLINE) > 0] = 0
    distances = _distances_to_edges(photograph)[outline > 0]
    return Overlay(drawn, float(distances.mean()) if distances.size else None)


def middle_start(cell: Cell) -> tuple[float, float, float, float]:
    """x, y, z, m, and yaw, rad, of the tips in the middle of where attempts start, in the base frame."""
    x, y, z = cell.bin.position
    return x, y, z + sum(cell.attempt.start_height) / 2, 0.0


def upright(x: float, y: float, z: float, yaw: float) -> Numbers:
    """The tip frame in the base frame, of a hand that points down; m, and rad about z."""
    return pose(np.array([0.0, 0.0, yaw]), np.array([x, y, z]))


def save_png(picture: Picture, file: Path) -> None:
    """Write `picture` to `file`, its folder made where there is none. Raises OSError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(picture).save(file, format="PNG")


class _Scene:
    """Bin and jaw before the cell's camera; everything in the base frame."""

    def __init__(self, cell: Cell, tips: Numbers) -> None:
        self._cell, self._tips, self._lens = cell, tips, Lens(cell.camera)
        self._bin = pose(np.eye(3), np.array(cell.bin.position))
        self._camera = tips @ mounted(cell.camera) if cell.camera.mount == "hand" else mounted(cell.camera)
        outwards = (cell.jaw.aperture + cell.jaw.finger_thickness) / 2
        right = [Box((box.centre[0] + outwards, *box.centre[1:]), box.half) for box in finger(cell)]
        self._fingers = [*right, *(box.mirrored() for box in right)]
        self._jaw = [*self._fingers, palm(cell)]

    def visible_edges(self) -> dict[str, list[Line]]:
        """What the camera sees of the edges of floor, rim, fingers and palm."""
        floor = _rectangle(self._cell, 0.0, 0.0)
        rim = [_rectangle(self._cell, self._cell.bin.wall_height, out) for out in (0.0, WALL_THICKNESS)]
        edges = {
            "floor": moved(floor, self._bin),
            "rim": moved(np.concatenate(rim), self._bin),
            "fingers": moved(np.concatenate([_edges(box) for box in self._fingers]), self._tips),
            "palm": moved(_edges(palm(self._cell)), self._tips),
        }
        return {name: [part for edge in group for part in self._visible(edge)] for name, group in edges.items()}

    def jaw_hulls(self) -> list[Line]:
        """The outlines of the jaw's boxes, but of one that the camera is in."""
        boxes = [box for box in self._jaw if not contains(box, self._eye(self._tips))]
        edges = [moved(_along(_edges(box)).reshape(-1, 3), self._tips) for box in boxes]
        return [
            cv2.convexHull(self._pixels(points[clear])) for points in edges if (clear := self._before(points)).any()
        ]

    def _visible(self, edge: Numbers) -> list[Line]:
        """The parts of `edge` [2, 3] that lie before the camera and behind no box."""
        points = _along(edge)
        clear = self._before(points)
        for boxes, frame in ((self._jaw, self._tips), (walls(self._cell), self._bin)):
            for box in boxes:
                clear &= ~hidden(moved(points, inverse(frame)), self._eye(frame), box)
        parts = np.split(np.arange(_SAMPLES), np.flatnonzero(np.diff(clear)) + 1)
        return [self._pixels(points[part]) for part in parts if clear[part[0]]]

    def _before(self, points: Numbers) -> NDArray[np.bool_]:
        """Which `points` [N, 3] lie before the camera, where its distortion holds."""
        seen = moved(points, inverse(self._camera))
        aside = np.hypot(seen[:, 0], seen[:, 1])
        return np.asarray((seen[:, 2] > _NEAREST) & (aside < self._lens.reach * seen[:, 2]))

    def _pixels(self, points: Numbers) -> Line:
        pixels = self._lens.project(moved(points, inverse(self._camera)))
        return np.rint(pixels * (1 << SHIFT)).astype(np.int32)

    def _eye(self, frame: Numbers) -> Numbers:
        """Where the camera is in `frame` [3]."""
        return moved(self._camera[:3, 3], inverse(frame))


def _rectangle(cell: Cell, height: float, out: float) -> Numbers:
    """Four edges [4, 2, 3] around the inside of the bin, so far outside of it and above its floor, m."""
    x, y = (size / 2 + out for size in cell.bin.size)
    corners = np.array([(x, y, height), (-x, y, height), (-x, -y, height), (x, -y, height)])
    return np.stack([corners, np.roll(corners, 1, axis=0)], axis=1)


def _edges(box: Box) -> Numbers:
    """The twelve edges of `box` [12, 2, 3]."""
    corners = np.array(list(product((-1, 1), repeat=3)))
    pairs = [(one, other) for one, other in combinations(corners, 2) if np.abs(one - other).sum() == 2]
    return np.array(pairs) * box.half + box.centre


def _along(edges: Numbers) -> Numbers:
    """Points [..., S, 3] on `edges` [..., 2, 3]."""
    start, end = edges[..., None, 0, :], edges[..., None, 1, :]
    return start + np.linspace(0, 1, _SAMPLES)[:, None] * (end - start)


def _distances_to_edges(photograph: Picture) -> NDArray[np.float32]:
    """Of each pixel [H, W], px."""
    grey = cv2.GaussianBlur(cv2.cvtColor(photograph, cv2.COLOR_RGB2GRAY), (5, 5), 0)
    edges = cv2.Canny(grey, 30, 90)
    if not edges.any():
        raise InvalidInput("the photograph has no edge in it, expected those of bin and jaw")
    return np.asarray(cv2.distanceTransform(255 - edges, cv2.DIST_L2, cv2.DIST_MASK_PRECISE), dtype=np.float32)
