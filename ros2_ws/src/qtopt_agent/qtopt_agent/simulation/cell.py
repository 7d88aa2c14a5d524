"""Sizes of the bin, the gripper and its camera, m: what every simulator of this cell builds.

The origin lies in the middle of the bin's floor, z up. The gripper's frame lies between its finger tips: x closes the
jaw, z points up the palm.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Box:
    """Its middle, and half its sizes along x, y and z."""

    centre: tuple[float, float, float]
    half: tuple[float, float, float]


BIN_HALF = 0.16  # inner half width
WALL_HEIGHT = 0.05
FLOOR = Box((0.0, 0.0, -0.05), (0.6, 0.6, 0.05))
_WALL, _UP = BIN_HALF + 0.005, WALL_HEIGHT / 2
WALLS = (
    Box((_WALL, 0.0, _UP), (0.005, _WALL + 0.005, _UP)),
    Box((-_WALL, 0.0, _UP), (0.005, _WALL + 0.005, _UP)),
    Box((0.0, _WALL, _UP), (_WALL - 0.005, 0.005, _UP)),
    Box((0.0, -_WALL, _UP), (_WALL - 0.005, 0.005, _UP)),
)

MAX_APERTURE = 0.085  # as common two-finger jaws
PALM = Box((0.0, 0.0, 0.105), (0.055, 0.025, 0.018))
FINGER_INSET = 0.006  # from the middle of a shut jaw to the right finger's frame; the left finger mirrors it in x
_FINGER = (Box((0.0, 0.0, 0.0225), (0.006, 0.010, 0.0225)), Box((0.004, 0.0, 0.065), (0.006, 0.008, 0.022)))
CAMERA_HEIGHT = 0.105  # above the finger tips
WRIST_FOVY = 75.0  # degrees

SKY = (0.85, 0.88, 0.92)  # RGB of what lies beyond the table


def finger(side: int) -> list[Box]:
    """The boxes of the right finger (side 1) or the left one (-1), in that finger's frame."""
    return [Box((side * box.centre[0], *box.centre[1:]), box.half) for box in _FINGER]
