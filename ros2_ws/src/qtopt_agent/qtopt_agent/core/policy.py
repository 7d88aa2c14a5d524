"""What chooses actions."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.observation import Observation


@dataclass(frozen=True)
class Decision:
    """An action float32 [A] and the Q value the policy gives it (NaN where it has none)."""

    action: NDArray[np.float32]
    q: float = float("nan")


class Policy(Protocol):
    """Maps observations to actions; `name` goes into the episode's record."""

    name: str

    def decide(self, observation: Observation, rng: np.random.Generator) -> Decision:
        """Choose an action for one observation. All randomness comes from `rng`."""
        ...
