"""A task of one step whose Q-function has two maxima: a broad low hill and a narrow high one."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

BROAD_HEIGHT, BROAD_WIDTH, BROAD_DISTANCE = 0.5, 0.5, 0.4
NARROW_HEIGHT, NARROW_WIDTH, NARROW_DISTANCE = 1.0, 0.15, 0.6
HIGHER_MODE = 0.75  # a reward above this is on the narrow hill: half way between the two tops


class TwoModes(gymnasium.Env[NDArray[np.float32], NDArray[np.float32]]):
    """The state is a direction, (cos, sin); the action a point in the square -1..1.

    The reward is the height there: the broad hill is opposite the direction, the narrow one along it. From anywhere
    but close to the narrow hill, uphill leads to the broad one. The best reward is 1, in every state.
    """

    metadata = {"render_modes": []}  # noqa: RUF012

    def __init__(self) -> None:
        self.observation_space = spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.action_space = spaces.Box(-1.0, 1.0, (2,), np.float32)
        self._direction = np.zeros(2, np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """A uniform random direction."""
        super().reset(seed=seed, options=options)
        angle = self.np_random.uniform(0, 2 * np.pi)
        self._direction = np.array([np.cos(angle), np.sin(angle)], np.float32)
        return self._direction, {"success": False}

    def step(self, action: NDArray[np.float32]) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Ends the episode. `info["success"]` tells whether the action is on the higher hill."""
        reward = height(self._direction, np.asarray(action))
        return self._direction, reward, True, False, {"success": reward > HIGHER_MODE}


def height(direction: NDArray[np.floating[Any]], action: NDArray[np.floating[Any]]) -> float:
    """The reward of `action` [2] in state `direction` [2]: the higher of the two hills there."""
    broad = np.square(action + BROAD_DISTANCE * direction).sum() / (2 * BROAD_WIDTH**2)
    narrow = np.square(action - NARROW_DISTANCE * direction).sum() / (2 * NARROW_WIDTH**2)
    return float(max(BROAD_HEIGHT * np.exp(-broad), NARROW_HEIGHT * np.exp(-narrow)))
