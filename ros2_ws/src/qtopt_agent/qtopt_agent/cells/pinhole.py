"""A cell's camera as OpenCV has it, and pictures that it took. Poses are 4x4 arrays: from one frame into another, m."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.cell import Camera
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.perception.pictures import decode_picture

Numbers = NDArray[Any]


class Lens:
    """From points in the camera's optical frame to pixels, of which the first has its middle at 0, 0."""

    def __init__(self, camera: Camera) -> None:
        self.matrix = camera.matrix
        self.distortion = np.array(camera.distortion or (0.0,) * 5)

    @property
    def reach(self) -> float:
        """From this tangent of the angle to the axis on, the distortion would bend points back into the picture."""
        k1, k2, _, _, k3 = self.distortion
        turns = np.roots([7 * k3, 5 * k2, 3 * k1, 1])  # where the radius in the picture stops growing, squared
        return float(np.sqrt(min((each.real for each in turns if each.real > 0 and not each.imag), default=np.inf)))

    def project(self, points: Numbers) -> Numbers:
        """Pixels [N, 2] of `points` [N, 3], which lie before the camera."""
        return self._projected(points)[0][:, 0]

    def slopes(self, points: Numbers) -> Numbers:
        """How these pixels change [N, 2, 6] as all points turn by a rotation vector, rad, and move, m."""
        return self._projected(points)[1][:, :6].reshape(-1, 2, 6)

    def _projected(self, points: Numbers) -> tuple[Numbers, Numbers]:
        pixels, slopes = cv2.projectPoints(points, np.zeros(3), np.zeros(3), self.matrix, self.distortion)
        return pixels, slopes


def pose(rotation: Numbers, position: Numbers) -> Numbers:
    """The pose with this rotation, [3, 3] or a rotation vector, and position [3] or [3, 1]."""
    made = np.eye(4)
    made[:3, :3] = rotation if rotation.shape == (3, 3) else cv2.Rodrigues(rotation)[0]
    made[:3, 3] = position.ravel()
    return made


def inverse(of: Numbers) -> Numbers:
    """The pose that undoes `of`."""
    return pose(of[:3, :3].T, -of[:3, :3].T @ of[:3, 3])


def moved(points: Numbers, by: Numbers) -> Numbers:
    """`points` [N, 3] of one frame in another."""
    return points @ by[:3, :3].T + by[:3, 3]


def mounted(camera: Camera) -> Numbers:
    """The optical frame in the frame that the camera is fixed to."""
    return pose(camera.rotation, np.array(camera.position))


def read_picture(file: Path, camera: Camera, name: str = "") -> NDArray[np.uint8]:
    """The picture in `file`, uint8 [H, W, 3] RGB; `name` stands for the file in what is said of it.

    Raises InvalidInput unless it is whole and of the stream's size.
    """
    if not file.is_file():
        raise InvalidInput(f"{file} is no file, expected a picture")
    picture = decode_picture(file.read_bytes(), name or str(file))
    height, width = picture.shape[:2]
    if (width, height) != (camera.width, camera.height):
        raise InvalidInput(
            f"{name or file} is {width}x{height} px, expected the size of the cell's stream, "
            f"{camera.width}x{camera.height}"
        )
    return picture
