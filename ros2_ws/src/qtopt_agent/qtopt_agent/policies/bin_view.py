"""What stands out from the floor of the bin in a picture of a camera on the hand, and where that is."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.cell import Cell
from qtopt_agent.core.cell_boxes import Box, camera_in_palm, finger, hidden, palm
from qtopt_agent.core.errors import InvalidInput

Picture = NDArray[np.uint8]

_SAMPLES = 200  # pixels that stand for all of a picture
_ALIKE = 10.0  # CIELAB units within which two colours are one
_COMMON = 0.06  # share of a picture that a colour of the floor has at least
_FEWEST = 8  # pixels of a blob
_LONGEST = 0.2  # m: what is longer is a wall
_MIDDLE = 0.015  # m above the floor, where the middle of an object is about


@dataclass(frozen=True)
class Blob:
    """In the hand's frame: middle x, y, m; angle of its long side to the x axis, rad; its sides, m.

    whole: it touches neither the picture's edge nor the jaw.
    """

    x: float
    y: float
    angle: float
    length: float
    width: float
    whole: bool


class BinView:
    """Pictures of `size` (height, width), px, of the cell's camera; the jaw is open in all of them."""

    def __init__(self, cell: Cell, size: tuple[int, int]) -> None:
        """Raises InvalidInput where the camera is not on the hand: of another nobody knows where the hand is in it."""
        camera = cell.camera
        if camera.mount != "hand" or not any(size):
            raise InvalidInput(f"camera.mount is {camera.mount!r}, its picture {size}: expected a camera on the hand")
        left, top, width, height = camera.window(size)
        rows, columns = np.mgrid[: size[0], : size[1]] + 0.5
        pixels = np.stack([left + columns * width / size[1], top + rows * height / size[0]], -1) - 0.5
        distortion = np.array(camera.distortion or (0.0,) * 5)
        flat = cv2.undistortPoints(pixels.reshape(-1, 1, 2), camera.matrix, distortion).reshape(*size, 2)
        self._rays = np.concatenate([flat, np.ones((*size, 1))], -1) @ camera.rotation.T
        self._eye = np.array(camera.position)
        self._jaw = self._seen_jaw(cell)

    def _seen_jaw(self, cell: Cell) -> NDArray[np.bool_]:
        """Which pixels show the open jaw, and those beside them."""
        outwards = (cell.jaw.aperture + cell.jaw.finger_thickness) / 2
        right = [Box((box.centre[0] + outwards, *box.centre[1:]), box.half) for box in finger(cell)]
        boxes = [*right, *(box.mirrored() for box in right)] + ([] if camera_in_palm(cell) else [palm(cell)])
        far = (self._eye + 10 * self._rays).reshape(-1, 3)
        found = np.any([hidden(far, self._eye, box) for box in boxes], axis=0).reshape(self._rays.shape[:2])
        return np.asarray(cv2.dilate(found.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)

    def colours(self, picture: Picture) -> NDArray[np.float32]:
        """Samples [N, 3] of what is seen, CIELAB: most of it is the floor."""
        seen = _lab(picture)[~self._jaw]
        return seen[:: max(1, len(seen) // _SAMPLES)]

    def blobs(self, picture: Picture, height: float, floor: NDArray[np.float32]) -> list[Blob]:
        """What has none of the common colours among `floor` [N, 3], the finger tips `height` m above the bin's floor.

        picture: uint8 [H, W, 3] RGB.
        """
        seen = _lab(picture)
        squares = (seen**2).sum(-1, keepdims=True) + (floor**2).sum(-1) - 2 * seen @ floor.T
        rare = (squares < _ALIKE**2).mean(-1) < _COMMON
        down = self._rays[..., 2] < -0.05
        rare &= down & ~self._jaw
        rare = cv2.morphologyEx(rare.astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
        reach = (_MIDDLE - height - self._eye[2]) / np.where(down, self._rays[..., 2], -1.0)
        places = self._eye[:2] + reach[..., None] * self._rays[..., :2]
        count, labels = cv2.connectedComponents(rare, connectivity=4)
        found = (self._blob(labels == label, places) for label in range(1, count))
        return [blob for blob in found if blob is not None]

    def _blob(self, pixels: NDArray[np.bool_], places: NDArray[np.float64]) -> Blob | None:
        points = places[pixels]
        if len(points) < _FEWEST:
            return None
        spread, axes = np.linalg.eigh(np.cov(points.T))
        width, length = np.sqrt(12 * np.maximum(spread, 0))  # of a rectangle with this spread
        if length > _LONGEST:
            return None
        (x, y), angle = points.mean(0), float(np.arctan2(axes[1, 1], axes[0, 1]))
        around = cv2.dilate(pixels.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        edge = pixels[0].any() or pixels[-1].any() or pixels[:, 0].any() or pixels[:, -1].any()
        whole = not edge and not (around & self._jaw).any()
        return Blob(float(x), float(y), angle, float(length), float(width), whole)


def _lab(picture: Picture) -> NDArray[np.float32]:
    """CIELAB [H, W, 3], of which lightness counts less: a shadow changes it more than the colour."""
    lab = cv2.cvtColor((cv2.GaussianBlur(picture, (3, 3), 0) / 255).astype(np.float32), cv2.COLOR_RGB2LAB)
    return np.asarray(lab * np.array([0.6, 1, 1], np.float32), dtype=np.float32)
