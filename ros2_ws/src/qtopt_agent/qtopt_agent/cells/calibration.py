"""Where a camera is, from pictures of a board and the measured poses of the hand, and how sure that is.

A camera on the hand sees a board that lies still; a camera that stands sees a board that the hand holds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import cv2
import numpy as np

from qtopt_agent.cells.hand_eye import ARM_ERROR, Fit, Sight, improved, likely_fit
from qtopt_agent.cells.pinhole import Lens, Numbers, inverse, mounted
from qtopt_agent.core.cell import Camera
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.rotations import quaternion_of

MIN_VIEWS = 6
MIN_TURN = 15.0  # degrees, about each of two axes: turns about one alone do not say where along it the camera is
MAX_RESIDUAL = 2.0  # px


@dataclass(frozen=True)
class View:
    """A picture of the board.

    tips: the tip frame in the base frame. board: the board in the optical frame. corners: [N, 3] on the board, m.
    pixels: [N, 2], where they are seen.
    """

    name: str
    tips: Numbers
    board: Numbers
    corners: Numbers
    pixels: Numbers


@dataclass(frozen=True)
class Calibration:
    """Where the camera is, and how well that is known.

    residual: px, root mean square of the corners' distances; residuals: the same of each picture. position_deviation,
    m, and angle_deviation, rad: one standard deviation of the camera's pose. arm_position_error, m, and
    arm_angle_error, rad: of the hand's poses, along and about each axis, as the pictures tell. moved, m, and turned,
    rad: from where the camera was thought to be.
    """

    camera: Camera
    residual: float
    residuals: dict[str, float]
    position_deviation: float
    angle_deviation: float
    arm_position_error: float
    arm_angle_error: float
    moved: float
    turned: float


def calibrate(
    camera: Camera,
    views: Sequence[View],
    left_out: Mapping[str, str] | None = None,
    max_residual: float = MAX_RESIDUAL,
) -> Calibration:
    """`camera` with the pose that fits `views` best; `left_out` are other pictures and why, for the error's text.

    Deviations are the jackknife's over pictures, which share no error. Raises InvalidInput where the views are too
    few, too alike, or do not fit together: their residual is above `max_residual`, px.
    """
    if len(views) < MIN_VIEWS:
        reasons = "".join(f"; {name}: {reason}" for name, reason in (left_out or {}).items())
        raise InvalidInput(f"{len(views)} pictures are usable, expected at least {MIN_VIEWS}{reasons}")
    _check_turns(views)
    lens, on_hand = Lens(camera), camera.mount == "hand"
    fit, scale, sights = likely_fit(
        [
            Sight(
                lens,
                on_hand,
                view.tips if on_hand else inverse(view.tips),
                view.board,
                view.corners,
                view.pixels,
                np.eye(view.pixels.size),
            )
            for view in views
        ]
    )
    errors = [sight.errors(fit) for sight in sights]
    residual = _rms(np.concatenate(errors))
    residuals = {view.name: _rms(error) for view, error in zip(views, errors, strict=True)}
    if not residual <= max_residual:
        worst = max(residuals, key=residuals.__getitem__)
        raise InvalidInput(
            f"the residual is {residual:.1f} px, expected at most {max_residual:g}; it is largest in {worst}, "
            f"{residuals[worst]:.1f} px: are poses, board and the camera's intrinsics as they are said to be?"
        )
    change = _motion(mounted(camera), fit.camera)
    deviations = _deviations(fit, sights)
    return Calibration(
        _placed(camera, fit.camera),
        residual,
        residuals,
        position_deviation=float(np.linalg.norm(deviations[3:])),
        angle_deviation=float(np.linalg.norm(deviations[:3])),
        arm_position_error=float(scale * ARM_ERROR[3]),
        arm_angle_error=float(scale * ARM_ERROR[0]),
        moved=float(np.linalg.norm(change[3:])),
        turned=float(np.linalg.norm(change[:3])),
    )


def _check_turns(views: Sequence[View]) -> None:
    turns = np.array([_motion(one.tips, other.tips)[:3] for one, other in combinations(views, 2)])
    main = np.linalg.eigh(turns.T @ turns)[1][:, -1]  # the axis about which the hand turns most, in the tip frame
    leaning = np.array([view.tips[:3, :3] @ main for view in views])
    turn = np.degrees(np.linalg.norm(turns, axis=1).max())
    lean = np.degrees(np.arccos(np.clip(leaning @ leaning.T, -1, 1)).max())
    if not min(turn, lean) >= MIN_TURN:
        raise InvalidInput(
            f"the hand's poses are too alike: they turn by up to {turn:.1f} degrees, and the axis of these turns leans "
            f"by up to {lean:.1f}; expected at least {MIN_TURN:.0f} degrees each, turns about two axes"
        )


def _deviations(fit: Fit, sights: Sequence[Sight]) -> Numbers:
    """Standard deviations of the camera's pose [6], in its own frame: from what the absence of each sight changes."""
    without = [improved(fit, [*sights[:i], *sights[i + 1 :]]) for i in range(len(sights))]
    changes = np.array([_motion(fit.camera, each.camera) for each in without])
    return np.sqrt((len(sights) - 1) * changes.var(axis=0))


def _motion(one: Numbers, other: Numbers) -> Numbers:
    """From pose `one` to `other`, in the frame of `one`: rotation vector, rad, and translation, m [6]."""
    change = inverse(one) @ other
    return np.concatenate([cv2.Rodrigues(change[:3, :3])[0].ravel(), change[:3, 3]])


def _rms(errors: Numbers) -> float:
    """Root of the mean squared length of `errors` [N, 2]."""
    return float(np.sqrt((errors**2).sum(axis=1).mean()))


def _placed(camera: Camera, where: Numbers) -> Camera:
    """`camera` with its optical frame at `where`; of the two quaternions for that, the one nearer to its old one."""
    quaternion = quaternion_of(where[:3, :3])
    quaternion *= 1 if quaternion @ camera.orientation >= 0 else -1
    x, y, z, qx, qy, qz, qw = (round(float(each), 6) + 0.0 for each in (*where[:3, 3], *quaternion))
    return replace(camera, position=(x, y, z), orientation=(qx, qy, qz, qw))
