"""Gripper motions, and the space the network and the maximiser see them in."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.ranges import convert_fields


class GripperCommand(IntEnum):
    """What the jaw does in one motion."""

    KEEP = 0
    CLOSE = 1
    OPEN = 2


@dataclass(frozen=True)
class Action:
    """One motion in the gripper frame: translation [3] in m, yaw in rad, what the jaw does, and whether to stop."""

    translation: NDArray[np.float32]
    yaw: float
    gripper: GripperCommand = GripperCommand.KEEP
    terminate: bool = False

    @property
    def still(self) -> bool:
        """Whether it asks for nothing."""
        return not (self.translation.any() or self.yaw or self.gripper or self.terminate)

    def to_vector(self) -> NDArray[np.float32]:
        """The network's float32 [8]: x, y, z, sin yaw, cos yaw, close, open, terminate."""
        return np.array(
            [
                *self.translation,
                np.sin(self.yaw),
                np.cos(self.yaw),
                self.gripper == GripperCommand.CLOSE,
                self.gripper == GripperCommand.OPEN,
                self.terminate,
            ],
            dtype=np.float32,
        )

    @staticmethod
    def from_vector(vector: NDArray[np.floating[Any]]) -> "Action":
        """Inverse of `to_vector`. Raises InvalidInput unless `vector` is 8 finite numbers."""
        v = np.asarray(vector, dtype=np.float32)
        if v.shape != (8,) or not np.isfinite(v).all():
            raise InvalidInput(f"action is {v.tolist()}, expected 8 finite numbers")
        gripper = GripperCommand.CLOSE if v[5] > 0.5 else GripperCommand.OPEN if v[6] > 0.5 else GripperCommand.KEEP
        return Action(v[:3].copy(), float(np.arctan2(v[3], v[4])), gripper, bool(v[7] > 0.5))


@dataclass(frozen=True)
class ActionSpace:
    """Blocks of an action vector, always in this order.

    continuous: `low`..`high`, one pair a dimension.
    unit circle: one angle within +-`max_angle` rad each, stored as (sin, cos).
    binary: `choices` flags of which at most one is set.

    Raises InvalidInput on bounds that are not finite, in order and in range, and on a choice that is there twice.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    max_angle: tuple[float, ...] = ()
    choices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        convert_fields(self, "action space: ")
        if len(self.low) != len(self.high) or any(a >= b for a, b in zip(self.low, self.high, strict=True)):
            raise InvalidInput(f"action bounds {self.low} .. {self.high}: each low must be below its high")
        if any(not 0 < a <= np.pi for a in self.max_angle):
            raise InvalidInput(f"max_angle {self.max_angle}: expected 0 < angle <= pi rad")
        if len(set(self.choices)) < len(self.choices):
            raise InvalidInput(f"choices are {', '.join(self.choices)}, expected each once")

    @property
    def size(self) -> int:
        """Length of the action vector."""
        return len(self.low) + 2 * len(self.max_angle) + len(self.choices)

    def project(self, actions: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """The nearest valid actions to float [..., size]: clipped, on the circle, at most one flag, which is 0 or 1.

        Idempotent. Raises InvalidInput on a wrong length or a value that is not finite.
        """
        a = np.array(actions, dtype=np.float32)
        if a.shape[-1:] != (self.size,) or not np.isfinite(a).all():
            raise InvalidInput(f"action {a.tolist()}: expected {self.size} finite numbers")
        n, c = len(self.low), len(self.max_angle)
        a[..., :n] = np.clip(a[..., :n], np.array(self.low, np.float32), np.array(self.high, np.float32))
        for i, limit in enumerate(self.max_angle):
            sin, cos = a[..., n + 2 * i], a[..., n + 2 * i + 1]
            angle = np.clip(np.arctan2(sin, cos), -limit, limit)
            a[..., n + 2 * i], a[..., n + 2 * i + 1] = np.sin(angle), np.cos(angle)
        if self.choices:
            flags = a[..., n + 2 * c :]
            best = flags == flags.max(-1, keepdims=True)
            first = best & (np.cumsum(best, -1) == 1)
            a[..., n + 2 * c :] = first & (flags > 0.5)
        return a

    def sample(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """A uniform valid action, float32 [size]."""
        continuous = rng.uniform(self.low, self.high)
        angles = rng.uniform(np.negative(self.max_angle), self.max_angle) if self.max_angle else np.zeros(0)
        circle = np.stack([np.sin(angles), np.cos(angles)], -1).ravel()
        flags = np.eye(len(self.choices) + 1)[rng.integers(len(self.choices) + 1)][1:]
        return np.concatenate([continuous, circle, flags]).astype(np.float32)


def grasp_action_space(max_translation: tuple[float, float, float], max_yaw: float) -> ActionSpace:
    """The paper's 8-number action (Kalashnikov et al. 2018, section 4.1): bounds in m and rad."""
    low = tuple(-x for x in max_translation)
    return ActionSpace(low, max_translation, (max_yaw,), ("close", "open", "terminate"))
