"""A cell's bin and jaw as boxes: what simulators build, and whose edges are looked for in photographs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.cell import Cell

TABLE = 0.44  # m, how far the floor goes on beyond the inside of the bin
WALL_THICKNESS = 0.01  # m

_SKIN = 0.0002  # m, by which a box that hides something is smaller, so that none hides its own edges


@dataclass(frozen=True)
class Box:
    """Its middle, and half its sizes along x, y and z, m."""

    centre: tuple[float, float, float]
    half: tuple[float, float, float]

    def mirrored(self) -> "Box":
        """The same on the other side of x = 0."""
        return Box((-self.centre[0], *self.centre[1:]), self.half)


def floor(cell: Cell) -> Box:
    """What the bin stands on, in the bin's frame; its top is the bin's floor."""
    x, y = cell.bin.size
    return Box((0.0, 0.0, -0.05), (x / 2 + TABLE, y / 2 + TABLE, 0.05))


def walls(cell: Cell) -> tuple[Box, ...]:
    """The four walls in the bin's frame: at +x, -x, +y, -y; none where they have no height."""
    if not cell.bin.wall_height:
        return ()
    thin, up = WALL_THICKNESS / 2, cell.bin.wall_height / 2
    x, y = (size / 2 + thin for size in cell.bin.size)
    right = Box((x, 0.0, up), (thin, y + thin, up))
    back = Box((0.0, y, up), (x - thin, thin, up))
    return right, right.mirrored(), back, Box((0.0, -y, up), back.half)


def finger(cell: Cell) -> tuple[Box, Box]:
    """The right finger's pad and the link that carries it, further out; the left finger is its mirror image in x.

    In the finger's frame, which lies in the middle of its tip, axes as those of the tip frame.
    """
    jaw = cell.jaw
    thick, wide = jaw.finger_thickness / 2, jaw.finger_width / 2
    low, high = max(0.0, jaw.pad_length - 0.002), jaw.finger_length  # the link overlaps the pad
    pad = Box((0.0, 0.0, jaw.pad_length / 2), (thick, wide, jaw.pad_length / 2))
    return pad, Box((jaw.finger_thickness / 3, 0.0, (low + high) / 2), (thick, 0.8 * wide, (high - low) / 2))


def palm(cell: Cell) -> Box:
    """The palm in the tip frame: it stands on the fingers."""
    x, y, z = (size / 2 for size in cell.jaw.palm)
    return Box((0.0, 0.0, cell.jaw.finger_length + z), (x, y, z))


def camera_in_palm(cell: Cell) -> bool:
    """Whether the palm sits around the camera, which then sees through it."""
    box = palm(cell)
    inside = (abs(x - c) <= h for x, c, h in zip(cell.camera.position, box.centre, box.half, strict=True))
    return cell.camera.mount == "hand" and all(inside)


def contains(box: Box, point: Sequence[float] | NDArray[Any]) -> bool:
    """Whether `point` [3] lies in `box`."""
    return bool((np.abs(np.subtract(point, box.centre)) <= box.half).all())


def hidden(points: NDArray[Any], eye: NDArray[Any], box: Box) -> NDArray[np.bool_]:
    """Which `points` [N, 3] lie in or behind `box`, seen from `eye` [3]; none do from within it."""
    if contains(box, eye):
        return np.zeros(len(points), dtype=bool)
    half, start, way = np.maximum(np.array(box.half) - _SKIN, 0), eye - box.centre, points - eye
    way = np.where(way == 0, 1e-12, way)
    bounds = np.sort([(-half - start) / way, (half - start) / way], axis=0)  # where each pair of faces is crossed
    enters, leaves = bounds[0].max(axis=1), bounds[1].min(axis=1)
    return np.asarray((enters < leaves) & (leaves > 0) & (enters < 1))
