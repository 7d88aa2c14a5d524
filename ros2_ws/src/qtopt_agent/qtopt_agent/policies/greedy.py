"""The policy that takes the action with the highest Q."""

import numpy as np
import torch
from torch import Tensor

from qtopt_agent.core.observation import Observation, ObservationSpec
from qtopt_agent.core.policy import Decision
from qtopt_agent.core.profile import Profile
from qtopt_agent.maximizers import Maximizer
from qtopt_agent.q_functions import QFunction


class GreedyPolicy:
    """argmax_a Q(s, a) by a maximiser, on the network as it is in training (no TorchScript).

    Puts `q` into evaluation mode; the network may be given new weights between two decisions.
    """

    def __init__(self, q: QFunction, maximizer: Maximizer, profile: Profile, name: str = "greedy") -> None:
        self.name = name
        self._q = q.eval()
        self._maximizer = maximizer
        self._spec = profile.observation

    def decide(self, observation: Observation, rng: np.random.Generator) -> Decision:
        """The best action found. Raises InvalidInput on a wrong observation or a Q that is not finite."""
        image, state = as_batch(observation, self._spec)
        generator = torch.Generator().manual_seed(draw_seed(rng))
        with torch.inference_mode():
            best = self._maximizer(self._q, self._q.encode(image), state, generator)
        return Decision(best.action[0].numpy(), float(best.q), log_density=0.0)


def as_batch(observation: Observation, spec: ObservationSpec) -> tuple[Tensor, Tensor]:
    """Image [1, H, W, 3] and state [1, S] of `observation`. Raises InvalidInput where it does not fit `spec`."""
    observation.validate(spec)
    return torch.from_numpy(np.ascontiguousarray(observation.image))[None], torch.from_numpy(observation.state)[None]


def draw_seed(rng: np.random.Generator) -> int:
    """A seed for torch, 0 .. 2^31 - 1: torch's generator on the CPU uses 32 bits."""
    return int(rng.integers(2**31))
