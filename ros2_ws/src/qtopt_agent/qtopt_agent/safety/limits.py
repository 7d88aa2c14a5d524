"""What a gripper may do in one step: what is not finite is refused, what is too large is cut and reported."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.action import Action
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.safety.reasons import Reason


@dataclass(frozen=True)
class WorkspaceBox:
    """Where the gripper's tip may be: an axis-aligned box in the base frame, in m."""

    low: tuple[float, float, float]
    high: tuple[float, float, float]

    def __post_init__(self) -> None:
        sides = list(zip(self.low, self.high, strict=False))
        good = len(self.low) == len(self.high) == 3 and all(-np.inf < low < high < np.inf for low, high in sides)
        if not good:
            raise InvalidInput(f"workspace box {self.low} .. {self.high}: expected low < high, 3 finite numbers each")

    def contains(self, position: NDArray[np.floating[Any]]) -> bool:
        """Whether `position` [3], m, lies in the box or on its surface. NaN does not."""
        p = np.asarray(position, dtype=float)
        return bool(((p >= self.low) & (p <= self.high)).all())

    def clip(self, position: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """The nearest position [3], m, inside the box. Raises InvalidInput if `position` is not finite."""
        clipped: NDArray[np.float64] = np.clip(_finite("position", position, 3), self.low, self.high)
        return clipped


@dataclass(frozen=True)
class MotionLimits:
    """Limits of one step: the box has no default, because no box fits every arm."""

    workspace: WorkspaceBox
    max_translation: float  # m, length of the vector
    max_yaw: float  # rad

    def __post_init__(self) -> None:
        if not (0 < self.max_translation < np.inf and 0 < self.max_yaw < np.inf):
            raise InvalidInput(f"step limits {self.max_translation} m, {self.max_yaw} rad: expected finite and above 0")


@dataclass(frozen=True)
class Guarded:
    """The action that may be carried out, and why it is not the one asked for (empty if it is)."""

    action: Action
    reasons: tuple[Reason, ...] = ()


def limit_translation(translation: NDArray[np.floating[Any]], maximum: float) -> NDArray[np.float64]:
    """`translation` [3], m, shortened to length `maximum` if longer; the direction stays.

    Raises InvalidInput if `translation` is not finite.
    """
    t = _finite("translation", translation, 3)
    length = float(np.hypot.reduce(t))
    return t * (maximum / length) if length > maximum else t


def guard(action: Action, position: NDArray[np.floating[Any]], yaw: float, limits: MotionLimits) -> Guarded:
    """The part of `action` that is allowed from tip `position` [3], m, and `yaw`, rad, both in the base frame.

    The target is moved into the workspace box, then the step is shortened. A tip that is outside the box already may
    only come back, at step speed. Raises InvalidInput if anything is not finite.
    """
    here = _finite("position", position, 3)
    wanted = _finite("translation", action.translation, 3)
    turn, heading = _finite("yaw", [action.yaw, yaw], 2)
    c, s = np.cos(heading), np.sin(heading)
    to_base = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])

    reasons = []
    target = here + to_base @ wanted
    allowed = wanted
    if not limits.workspace.contains(target):
        reasons.append(Reason.WORKSPACE)
        allowed = to_base.T @ (limits.workspace.clip(target) - here)
    shortened = limit_translation(allowed, limits.max_translation)
    if not np.array_equal(shortened, allowed):
        reasons.append(Reason.TRANSLATION)
    if abs(turn) > limits.max_yaw:
        reasons.append(Reason.YAW)
    if not reasons:
        return Guarded(action)
    cut_turn = float(np.clip(turn, -limits.max_yaw, limits.max_yaw))
    cut = Action(shortened.astype(np.float32), cut_turn, action.gripper, action.terminate)
    return Guarded(cut, tuple(reasons))


def _finite(name: str, values: Any, size: int) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (size,) or not np.isfinite(array).all():
        raise InvalidInput(f"{name} is {array.tolist()}, expected {size} finite numbers")
    return array
