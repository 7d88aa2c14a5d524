"""A cell is what a lab has: bin, jaw, camera, where the hand may go. Simulators, limits and pictures are made from it.

The bin's frame has its origin in the middle of the bin's floor, z up, its axes along those of the arm's base frame. The
tip frame lies between the finger tips: x closes the jaw, z points up the palm. Without arguments a cell is the embedded
simulator's, in which the first released model learned.
"""

import math
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.nested_settings import settings_of
from qtopt_agent.core.ranges import Range, converted
from qtopt_agent.core.rotations import matrix_of

Length = Annotated[float, Range(0.001, 2)]
Coordinate = Annotated[float, Range(-5, 5)]
Point = tuple[Coordinate, Coordinate, Coordinate]
Part = Annotated[float, Range(-1, 1)]
_NEARLY_SYMMETRICAL = (0.002, 0.02, 0.01)  # m, rad, share of the picture
Pixels = Annotated[int, Range(1, 10_000)]


@dataclass(frozen=True)
class Bin:
    """A flat floor within four walls."""

    size: Annotated[tuple[Length, Length], "inner width along x and y, m"] = (0.32, 0.32)
    wall_height: Annotated[float, Range(0, 0.5), "above the floor, m"] = 0.05
    position: Annotated[Point, "middle of the floor in the arm's base frame, m"] = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Jaw:
    """Two fingers that close along x, below a palm."""

    aperture: Annotated[float, Range(0.01, 0.5), "largest distance between the fingers, m"] = 0.085
    finger_length: Annotated[Length, "from the tips to the palm, m"] = 0.087
    pad_length: Annotated[Length, "from the tips to where the fingers become wider apart, m"] = 0.045
    finger_width: Annotated[Length, "across the closing direction, m"] = 0.020
    finger_thickness: Annotated[Length, "along the closing direction, m"] = 0.012
    palm: Annotated[tuple[Length, Length, Length], "size along x, y, z, m"] = (0.110, 0.050, 0.036)
    force: Annotated[float, Range(0.1, 500), "of each finger, N"] = 18.0


@dataclass(frozen=True)
class Camera:
    """A pinhole camera with a lens; its optical frame as in ROS: x right in the picture, y down, z into it."""

    mount: Annotated[Literal["hand", "fixed"], "hand: moves with the tip frame; fixed: stands in the base frame"] = (
        "hand"
    )
    position: Annotated[Point, "of the optical frame in the tip or base frame, m"] = (0.0, 0.0, 0.105)
    orientation: Annotated[
        tuple[Part, Part, Part, Part], "x, y, z, w of the optical frame in the tip or base frame"
    ] = (1.0, 0.0, 0.0, 0.0)
    width: Annotated[Pixels, "of the stream, px"] = 480
    height: Annotated[Pixels, "of the stream, px"] = 480
    vertical_view: Annotated[float, Range(0, 170), "of the whole stream, degrees; 0: fx, fy, cx, cy say it"] = 75.0
    fx: Annotated[float, Range(0, 100_000), "focal length, px; as in camera_info"] = 0.0
    fy: Annotated[float, Range(0, 100_000), "focal length, px"] = 0.0
    cx: Annotated[float, Range(0, 10_000), "principal point, px from the left edge: camera_info's and 0.5"] = 0.0
    cy: Annotated[float, Range(0, 10_000), "principal point, px from the top edge: camera_info's and 0.5"] = 0.0
    distortion: Annotated[
        tuple[Annotated[float, Range(-100, 100)], ...], "k1, k2, p1, p2, k3 of plumb_bob; none: a lens without"
    ] = ()
    age: Annotated[
        tuple[Annotated[float, Range(0, 1)], Annotated[float, Range(0, 1)]],
        "of a picture when it is decided by, least and most, s",
    ] = (0.0, 0.0)
    crop: Annotated[
        tuple[Annotated[int, Range(0, 10_000)], ...],
        "left, top, width, height of what the model sees, px; none: the largest middle part of its proportions",
    ] = ()

    @property
    def intrinsics(self) -> tuple[float, float, float, float]:
        """fx, fy, cx, cy, px; a pixel's middle lies half a pixel from its edge, the stream's corner at 0, 0."""
        if self.vertical_view:
            focal = self.height / 2 / math.tan(math.radians(self.vertical_view) / 2)
            return focal, focal, self.width / 2, self.height / 2
        return self.fx, self.fy, self.cx, self.cy

    @property
    def matrix(self) -> NDArray[np.float64]:
        """The same as OpenCV and camera_info have it [3, 3]: there, the first pixel's middle is at 0, 0."""
        fx, fy, cx, cy = self.intrinsics
        return np.array([[fx, 0.0, cx - 0.5], [0.0, fy, cy - 0.5], [0.0, 0.0, 1.0]])

    @property
    def view(self) -> float:
        """Vertical view of the whole stream, degrees."""
        return self.view_between(0, self.height)

    def view_between(self, top: float, bottom: float) -> float:
        """Vertical view between two rows, px from the top edge; degrees."""
        _, fy, _, cy = self.intrinsics
        return math.degrees(math.atan((cy - top) / fy) + math.atan((bottom - cy) / fy))

    def window(self, size: tuple[int, int]) -> tuple[int, int, int, int]:
        """left, top, width, height, px, of what becomes a model's picture of `size` (height, width)."""
        if self.crop:
            left, top, width, height = self.crop
            return left, top, width, height
        scale = min(self.height / size[0], self.width / size[1])
        height, width = int(size[0] * scale + 1e-9), int(size[1] * scale + 1e-9)
        return (self.width - width) // 2, (self.height - height) // 2, width, height

    @property
    def rotation(self) -> NDArray[np.float64]:
        """Axes of the optical frame as columns [3, 3], in the tip or base frame."""
        return matrix_of(self.orientation)


@dataclass(frozen=True)
class Attempt:
    """How a grasp begins, the jaw open, at a place drawn evenly, and when it counts."""

    start_spread: Annotated[float, Range(0, 1), "of the tips from the bin's middle along x and y, at most, m"] = 0.04
    start_height: Annotated[tuple[Length, Length], "of the tips above the floor, lowest and highest, m"] = (0.17, 0.21)
    start_turn: Annotated[float, Range(0, math.pi), "of the hand to each side, at most, rad"] = math.pi
    lift_height: Annotated[float, Range(0.01, 1), "of an object above the floor, from which it is grasped, m"] = 0.08
    control_period: Annotated[float, Range(0.02, 5), "from one decision to the next, s"] = 0.2


@dataclass(frozen=True)
class Workspace:
    """Where the finger tips may be, in the arm's base frame."""

    low: Annotated[Point, "lowest x, y, z, m"] = (-0.16, -0.16, 0.003)
    high: Annotated[Point, "highest x, y, z, m"] = (0.16, 0.16, 0.24)


@dataclass(frozen=True)
class Objects:
    """What lies in the bin."""

    friction: Annotated[
        tuple[Annotated[float, Range(0.05, 3)], Annotated[float, Range(0.05, 3)]], "with the bin, least and most"
    ] = (0.8, 0.8)


@dataclass(frozen=True)
class Cell:
    """Raises InvalidInput, naming the setting, where one is out of its range or two cannot be true of one cell."""

    bin: Bin = field(default_factory=Bin)
    jaw: Jaw = field(default_factory=Jaw)
    camera: Camera = field(default_factory=Camera)
    workspace: Workspace = field(default_factory=Workspace)
    attempt: Attempt = field(default_factory=Attempt)
    objects: Objects = field(default_factory=Objects)

    def __post_init__(self) -> None:
        for name, value in self.settings().items():
            converted(name, value, SETTINGS[name].type)
        _check_jaw(self)
        _check_camera(self.camera)
        _check_places(self)

    def settings(self) -> dict[str, Any]:
        """All values, by full name."""
        return {name: attrgetter(name)(self) for name in SETTINGS}

    def grouped(self) -> dict[str, Any]:
        """The same as a file has it: a dictionary for each group, tuples as lists."""
        found: dict[str, Any] = {}
        for name, value in self.settings().items():
            group, _, inner = name.rpartition(".")
            (found.setdefault(group, {}) if group else found)[inner] = list(value) if type(value) is tuple else value
        return found

    def differences(self, other: "Cell") -> list[str]:
        """What `other` has otherwise, in words with both numbers: this cell's, then the other's."""
        mine, others = self.settings(), other.settings()
        return [f"{name} {mine[name]}, not {others[name]}" for name in SETTINGS if mine[name] != others[name]]

    @property
    def mirrors(self) -> tuple[int, ...]:
        """Along which axes of the picture, 1 across and 0 down, its mirror image is a picture of the same task.

        Across where the camera lies in the plane x = 0 of the hand and its picture's columns follow it, down where it
        does so with y. Small errors of a measured pose are let pass: a mirrored picture is then off by twice as much.
        """
        camera = self.camera
        left, top, width, height = camera.window((1, 1))
        _, _, cx, cy = camera.intrinsics
        off_centre = (cx - left) / width - 0.5, (cy - top) / height - 0.5
        found = []
        for axis, reflected in ((1, 0), (0, 1)):
            signs = np.ones(3)
            signs[reflected] = -1
            turned = np.abs(signs[:, None] * camera.rotation * signs - camera.rotation).max() / 2
            off = abs(camera.position[reflected]), turned, abs(off_centre[reflected])
            if camera.mount == "hand" and all(np.less_equal(off, _NEARLY_SYMMETRICAL)):
                found.append(axis)
        return tuple(found)


SETTINGS = settings_of(Cell)
"""Every setting of a cell by its full name."""


def _check_jaw(cell: Cell) -> None:
    jaw, inner = cell.jaw, cell.bin.size
    outer = max(jaw.aperture + 2 * jaw.finger_thickness, jaw.palm[0], jaw.palm[1])
    if outer >= min(inner):
        raise InvalidInput(f"jaw is {outer:.3f} m wide when open, bin.size is {inner}: expected a bin that it fits in")
    if jaw.pad_length > jaw.finger_length:
        raise InvalidInput(f"jaw.pad_length is {jaw.pad_length}, expected at most finger_length, {jaw.finger_length}")


def _check_camera(camera: Camera) -> None:
    if not 0.9 < np.linalg.norm(camera.orientation) < 1.1:
        raise InvalidInput(f"camera.orientation is {camera.orientation}, expected a quaternion x, y, z, w of length 1")
    given = (camera.fx, camera.fy, camera.cx, camera.cy)
    if camera.vertical_view and any(given):
        raise InvalidInput(f"camera.vertical_view is {camera.vertical_view} and fx, fy, cx, cy are {given}: give one")
    if not camera.vertical_view and not (min(given) > 0 and camera.cx < camera.width and camera.cy < camera.height):
        raise InvalidInput(
            f"camera.fx, fy, cx, cy are {given}, expected above 0, and the principal point within the stream of "
            f"{camera.width}x{camera.height} px"
        )
    if not 5 < camera.view < 170:
        raise InvalidInput(
            f"camera has a vertical view of {camera.view:.1f} degrees: fy {camera.intrinsics[1]:.1f} px does not fit "
            f"a stream {camera.height} px high"
        )
    if len(camera.distortion) not in (0, 5):
        raise InvalidInput(f"camera.distortion is {camera.distortion}, expected k1, k2, p1, p2, k3 or none")
    if not camera.crop:
        return
    if len(camera.crop) != 4:
        raise InvalidInput(f"camera.crop is {camera.crop}, expected left, top, width, height or none")
    left, top, width, height = camera.crop
    if min(width, height) < 1 or left + width > camera.width or top + height > camera.height:
        raise InvalidInput(
            f"camera.crop is {camera.crop}, expected a part of the stream of {camera.width}x{camera.height} px"
        )


def _check_places(cell: Cell) -> None:
    low, high, jaw = np.array(cell.workspace.low), np.array(cell.workspace.high), cell.jaw
    if not (low < high).all():
        raise InvalidInput(f"workspace.low is {cell.workspace.low}, expected below high, {cell.workspace.high}")
    floor = cell.bin.position[2]
    if low[2] < floor:
        raise InvalidInput(f"workspace.low is {low[2]} m high, expected above the bin's floor, {floor}")
    (lowest, highest), spread = cell.attempt.start_height, cell.attempt.start_spread
    x, y, _ = cell.bin.position
    least = np.array([x - spread, y - spread, floor + lowest])
    most = np.array([x + spread, y + spread, floor + highest])
    if lowest > highest or (least < low).any() or (most > high).any():
        raise InvalidInput(
            f"attempt starts from {least.round(3).tolist()} to {most.round(3).tolist()} in the base frame, expected "
            f"within the workspace, {cell.workspace.low} to {cell.workspace.high}"
        )
    if (lift := cell.attempt.lift_height) > (room := high[2] - floor):
        raise InvalidInput(
            f"attempt.lift_height is {lift}, expected at most the workspace's, {room:.3f} above the floor"
        )
    if cell.camera.age[1] > cell.attempt.control_period:
        raise InvalidInput(
            f"camera.age is up to {cell.camera.age[1]} s, expected at most attempt.control_period, "
            f"{cell.attempt.control_period}"
        )
    for name, (first, last) in {"camera.age": cell.camera.age, "objects.friction": cell.objects.friction}.items():
        if first > last:
            raise InvalidInput(f"{name} is {(first, last)}, expected the least and the most")
    x, y, z = cell.camera.position
    among_fingers = abs(x) < jaw.aperture / 2 + jaw.finger_thickness and abs(y) < jaw.finger_width / 2
    if cell.camera.mount == "hand" and among_fingers and z < jaw.finger_length:
        raise InvalidInput(
            f"camera.position is {cell.camera.position}, where the fingers move: expected outside, or above the palm"
        )


EMBEDDED = Cell()
SHOULDER = Cell(
    # Kalashnikov et al. 2018, appendix: 472x472 px out of 512x640, without scaling.
    camera=Camera(
        mount="fixed",
        position=(0.0, -0.6, 0.56),
        orientation=(0.892017, 0.0, 0.0, -0.452001),
        width=640,
        height=512,
        vertical_view=47.3324,
        crop=(84, 20, 472, 472),
    )
)
"""The cells of the profiles that the code knows; config/cells has them, too."""
