"""One grasp attempt as plain values."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.observation import Observation


@dataclass(frozen=True)
class Step:
    """One decision: what was seen, asked, done and earned. Actions are float32 [A] vectors of the action space.

    `log_density` is that of the policy that chose `commanded`, as in Decision; NaN where it is unknown.
    by_person: a person chose it.
    """

    observation: Observation
    commanded: NDArray[np.float32]
    executed: NDArray[np.float32]
    reward: float
    terminal: bool
    q: float = float("nan")
    inference_stamp: float = 0.0
    command_stamp: float = 0.0
    log_density: float = float("nan")
    by_person: bool = False


@dataclass(frozen=True)
class Episode:
    """A whole attempt. `final` is the observation after the last step; `truncated`: no terminal state was reached."""

    episode_id: str
    steps: tuple[Step, ...]
    final: Observation
    success: bool
    truncated: bool = False
    profile: str = "compact"
    model_version: str = ""
    policy: str = ""
    seed: int = 0
    objects: tuple[str, ...] = field(default_factory=tuple)

    @property
    def total_reward(self) -> float:
        """Sum of the rewards, not discounted."""
        return float(sum(step.reward for step in self.steps))
