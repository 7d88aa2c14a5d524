"""Whether a model's cell is the arm's, and the arm's camera the cell's: what is off, and what is too far off."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from qtopt_agent.core.cell import Camera, Cell

# How far two cells may be apart: above the first number a person is told, above the second the model is refused.
# compact-1 keeps 73 % of its 94 % with the camera 1 cm off, 87 % with 58 degrees of view in place of 75, 66 % with 42.
POSITION = (0.003, 0.03)  # m
ROTATION = (1.0, 10.0)  # degrees
VIEW = (0.02, 0.25)  # share
APERTURE = (0.03, 0.3)  # share
PERIOD = (0.2, math.inf)  # share
AGE = (0.05, math.inf)  # s
LENS = 0.02  # share


@dataclass(frozen=True)
class Disagreement:
    """Something that is otherwise, in words with both numbers; `refused` where a model cannot be expected to work."""

    text: str
    refused: bool


def disagreements(trained: Cell, arm: Cell, sees: bool = True) -> list[Disagreement]:
    """Where the cell that a model was `trained` for is not the `arm`'s; `sees`: whether the model has a camera."""
    found = [*_of_cameras(trained.camera, arm.camera)] if sees else []
    was, now = trained.jaw.aperture, arm.jaw.aperture
    found += _judged(abs(now / was - 1), APERTURE, f"a jaw that opens {was:.3f} m, this one opens {now:.3f}")
    was, now = trained.attempt.control_period, arm.attempt.control_period
    found += _judged(abs(now / was - 1), PERIOD, f"a decision every {was:.2f} s, here it is {now:.2f}")
    if arm.bin.size != trained.bin.size:
        found.append(Disagreement(f"trained for a bin of {trained.bin.size} m, this one has {arm.bin.size}", False))
    return found


def _of_cameras(trained: Camera, arm: Camera) -> Iterator[Disagreement]:
    if trained.mount != arm.mount:
        yield Disagreement(f"trained for a camera that is on: {trained.mount}, this one is on: {arm.mount}", True)
        return
    was, now = model_view(trained), model_view(arm)
    yield from _judged(abs(now / was - 1), VIEW, f"a view of {was:.1f} degrees, this camera has {now:.1f}")
    away = float(np.linalg.norm(np.subtract(trained.position, arm.position)))
    yield from _judged(away, POSITION, f"a camera at {trained.position} m, this one is at {arm.position}")
    turn = math.degrees(math.acos(np.clip((np.trace(trained.rotation.T @ arm.rotation) - 1) / 2, -1, 1)))
    yield from _judged(turn, ROTATION, f"another direction of the camera, by {turn:.1f} degrees")
    was, now = trained.age[1], arm.age[1]
    yield from _judged(now - was, AGE, f"pictures up to {was:.2f} s old, here they are up to {now:.2f}")


def _judged(apart: float, limits: tuple[float, float], what: str) -> Iterator[Disagreement]:
    if apart > limits[0]:
        yield Disagreement(f"trained for {what}", apart > limits[1])


def model_view(camera: Camera) -> float:
    """Vertical view of the square part of the stream that a model sees, degrees."""
    _, top, _, height = camera.window((1, 1))
    return camera.view_between(top, top + height)


@dataclass(frozen=True)
class CameraInfo:
    """What sensor_msgs/CameraInfo says: size of the pictures, px, the matrix k, row by row, and the lens d."""

    width: int
    height: int
    k: tuple[float, ...]
    d: tuple[float, ...] = ()


def camera_disagreements(camera: Camera, info: CameraInfo) -> list[str]:
    """Where a driver's camera_info is not what the cell says of its `camera`, in words with both numbers."""
    if (info.width, info.height) != (camera.width, camera.height):
        return [f"the camera gives {info.width}x{info.height} px, the cell says {camera.width}x{camera.height}"]
    if len(info.k) != 9 or not np.isfinite([*info.k, *info.d]).all() or info.k[0] <= 0 or info.k[4] <= 0:
        return [f"camera_info has no focal length, or a lens that is no number: k {list(info.k)}, d {list(info.d)}"]
    fx, fy, cx, cy = camera.intrinsics
    found = []
    if abs(info.k[0] / fx - 1) > LENS or abs(info.k[4] / fy - 1) > LENS:
        view = 2 * math.degrees(math.atan(info.height / 2 / info.k[4]))
        found.append(
            f"camera_info says a view of {view:.1f} degrees (fx {info.k[0]:.1f}, fy {info.k[4]:.1f} px), the cell "
            f"{camera.view:.1f} (fx {fx:.1f}, fy {fy:.1f})"
        )
    # A cell counts from the picture's corner, camera_info from the middle of its first pixel.
    off = float(np.hypot(info.k[2] + 0.5 - cx, info.k[5] + 0.5 - cy))
    if off > LENS * info.height:
        found.append(
            f"camera_info has its principal point at {info.k[2]:.1f}, {info.k[5]:.1f} px, the cell {cx:.1f}, {cy:.1f}"
        )
    if any(abs(value) > 0.02 for value in info.d) and not any(camera.distortion):
        found.append(f"camera_info has a lens ({', '.join(f'{value:.3f}' for value in info.d)}), the cell has none")
    return found
