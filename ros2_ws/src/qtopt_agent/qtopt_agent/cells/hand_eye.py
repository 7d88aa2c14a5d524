"""The poses of a camera and a board that fit what the camera saw of the board, and where the hand was then.

OpenCV's methods (Park and Martin 1994, Horaud and Dornaika 1995, Daniilidis 1999) give a first fit; from the best of
them both poses are improved together, by Levenberg and Marquardt's method, until the squared distances between the
corners as seen and as calculated are least.

No arm is exactly where it says it is, and its error shifts all corners of a picture together. So distances count by how
likely they are: given the scatter of corners within pictures, and an error of the arm that makes the whole as likely
as it should be. Where an arm errs by 0.5 mm and 0.1 degrees an axis, 12 pictures of the cell d435_wrist so give its
camera to 0.8 mm and 0.15 degrees instead of 1.8 mm and 0.54.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np

from qtopt_agent.cells.pinhole import Lens, Numbers, inverse, moved, pose
from qtopt_agent.core.errors import InvalidInput

ARM_ERROR = np.array([np.radians(0.1)] * 3 + [0.001] * 3)
"""Rotation vector, rad, and translation, m: in proportion, for 0.1 degrees at the shoulder are 1 mm at the hand."""

_METHODS = (cv2.CALIB_HAND_EYE_PARK, cv2.CALIB_HAND_EYE_HORAUD, cv2.CALIB_HAND_EYE_DANIILIDIS)


@dataclass(frozen=True)
class Fit:
    """camera: in what it is fixed to, the tip or the base frame. board: in the other of the two."""

    camera: Numbers
    board: Numbers

    def moved(self, step: Numbers) -> "Fit":
        """Both turned and moved in their own frames; `step` [12]: rotation vector and translation of each."""
        return Fit(self.camera @ pose(step[:3], step[3:6]), self.board @ pose(step[6:9], step[9:]))


@dataclass(frozen=True)
class Sight:
    """What one picture says of a board, and the arm with it.

    arm: what the camera is fixed to, in the frame that the board is fixed to. board: in the optical frame, by this
    picture alone. corners: [N, 3] on the board, m; pixels: [N, 2], where they were seen. weights: [2 N, 2 N], which
    make standard errors of errors in px.
    """

    lens: Lens
    on_hand: bool
    arm: Numbers
    board: Numbers
    corners: Numbers
    pixels: Numbers
    weights: Numbers

    def errors_alone(self) -> Numbers:
        """The errors where the board is as this picture alone has it."""
        return self._errors(self.board)

    def errors(self, fit: Fit) -> Numbers:
        """Of each corner [N, 2], px: as calculated, less as seen."""
        return self._errors(self._board_by(fit))

    def weighed(self, fit: Fit, scatter: float, scale: float) -> "Sight":
        """The same, where corners scatter by so many px, and the arm errs by `scale` times ARM_ERROR."""
        shifts = scale * ARM_ERROR * (self._slopes(fit)[:, :6] if self.on_hand else self._slopes(fit)[:, 6:])
        covariance = scatter**2 * np.eye(self.pixels.size) + shifts @ shifts.T
        return replace(self, weights=np.linalg.inv(np.linalg.cholesky(covariance)))

    def equations(self, fit: Fit) -> Numbers:
        """How the errors change with a step of `fit`, and in the last column the errors, weighed [2 N, 13]."""
        return self.weights @ np.column_stack([self._slopes(fit), self.errors(fit).ravel()])

    def _errors(self, board: Numbers) -> Numbers:
        return self.lens.project(moved(self.corners, board)) - self.pixels

    def _slopes(self, fit: Fit) -> Numbers:
        """How the errors [2 N] change, px, with a step of `fit` [12]."""
        board = self._board_by(fit)
        slopes = self.lens.slopes(moved(self.corners, board))
        turning = self._turns @ board[:3, :3].T
        by_board = [slopes[..., 3:] @ turning.transpose(0, 2, 1), slopes[..., 3:] @ board[:3, :3]]
        return np.concatenate([-slopes, *by_board], axis=2).reshape(-1, 12)

    @cached_property
    def _turns(self) -> Numbers:
        """How the corners move [N, axis, 3] as the board turns about its axes."""
        return np.cross(np.eye(3), self.corners[:, None])

    def _board_by(self, fit: Fit) -> Numbers:
        return inverse(self.arm @ fit.camera) @ fit.board


def likely_fit(sights: Sequence[Sight]) -> tuple[Fit, float, list[Sight]]:
    """The fit, the arm's error that goes with it, in units of ARM_ERROR, and the sights weighed for that error.

    Mandel and Paule's way: the error with which the sum of squares is what its degrees of freedom make one expect.
    """
    alone = np.concatenate([sight.errors_alone().ravel() for sight in sights])
    scatter = max(0.02, float(np.sqrt(alone @ alone / (alone.size - 6 * len(sights)))))  # no picture is exact
    fit = first_fit(sights)
    least, most = 0.001, 100.0
    for _ in range(12):
        scale = float(np.sqrt(least * most))
        weighed = [sight.weighed(fit, scatter, scale) for sight in sights]
        fit = improved(fit, weighed)
        if _squares(_equations(fit, weighed)) > alone.size - 12:
            least = scale
        else:
            most = scale
    return fit, scale, weighed


def first_fit(sights: Sequence[Sight]) -> Fit:
    """The best among OpenCV's cameras, each with the board where one of the pictures puts it."""
    arms, boards = [sight.arm for sight in sights], [sight.board for sight in sights]
    arm_turns, arm_places = [each[:3, :3] for each in arms], [each[:3, 3] for each in arms]
    board_turns, board_places = [each[:3, :3] for each in boards], [each[:3, 3] for each in boards]
    found = []
    for method in _METHODS:
        rotation, position = cv2.calibrateHandEye(arm_turns, arm_places, board_turns, board_places, method=method)
        if np.isfinite(rotation).all() and np.isfinite(position).all():
            camera = pose(rotation, position)
            found += [Fit(camera, arm @ camera @ board) for arm, board in zip(arms, boards, strict=True)]
    if not found:
        raise InvalidInput("no pose of the camera fits the poses of the hand, expected turns about two axes")
    return min(found, key=lambda fit: sum((sight.errors(fit) ** 2).sum() for sight in sights))


def improved(fit: Fit, sights: Sequence[Sight]) -> Fit:
    """The fit of least squares near `fit`."""
    damping = 1e-3
    rows = _equations(fit, sights)
    for _ in range(100):
        normal = rows.T @ rows
        step = np.linalg.solve(normal[:12, :12] + damping * np.diag(normal.diagonal()[:12]), -normal[:12, 12])
        if np.linalg.norm(step) < 1e-9:
            break
        tried = fit.moved(step)
        tried_rows = _equations(tried, sights)
        better = _squares(tried_rows) < _squares(rows)
        damping *= 0.1 if better else 10
        if better:
            fit, rows = tried, tried_rows
    return fit


def _equations(fit: Fit, sights: Sequence[Sight]) -> Numbers:
    return np.concatenate([sight.equations(fit) for sight in sights])


def _squares(rows: Numbers) -> float:
    return float(rows[:, 12] @ rows[:, 12])
