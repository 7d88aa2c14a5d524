"""The policy that takes the action with the highest Q."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from qtopt_agent.core.observation import Observation, ObservationSpec
from qtopt_agent.core.policy import Decision
from qtopt_agent.core.profile import Profile
from qtopt_agent.maximizers import Generators, Maximizer
from qtopt_agent.q_functions import QFunction


class GreedyPolicy:
    """argmax_a Q(s, a) by a maximiser, on the network as it is in training (no TorchScript).

    Puts `q` into evaluation mode; the network may be given new weights between two decisions. `fewest`: a batch of less
    observations is filled up to that many: the last bits of what a network says change with the size of a batch.
    """

    def __init__(
        self, q: QFunction, maximizer: Maximizer, profile: Profile, name: str = "greedy", fewest: int = 1
    ) -> None:
        self.name = name
        self._q = q.eval()
        self._maximizer = maximizer
        self._spec = profile.observation
        self._fewest = fewest

    def decide(self, observation: Observation, rng: np.random.Generator) -> Decision:
        """The best action found. Raises InvalidInput on a wrong observation or a Q that is not finite."""
        return self.decide_all([observation], [rng])[0]

    def decide_all(self, observations: Sequence[Observation], rngs: Sequence[np.random.Generator]) -> list[Decision]:
        """The best action found for each observation. Raises as `decide`."""
        image, state = as_batch(observations, self._spec, self._fewest)
        generators = draw_generators(rngs, self._fewest)
        with torch.inference_mode():
            best = self._maximizer(self._q, self._q.encode(image), state, generators)
        actions, values = best.action.numpy(), best.q.tolist()
        return [Decision(actions[i], values[i], log_density=0.0) for i in range(len(observations))]


def as_batch(observations: Sequence[Observation], spec: ObservationSpec, fewest: int = 1) -> tuple[Tensor, Tensor]:
    """Images [B, H, W, 3] and states [B, S], filled up to `fewest` with the last observation.

    Raises InvalidInput where one does not fit `spec`.
    """
    for observation in observations:
        observation.validate(spec)
    batch = [*observations, *[observations[-1]] * (fewest - len(observations))]
    image = torch.from_numpy(np.stack([observation.image for observation in batch]))
    return image, torch.from_numpy(np.stack([observation.state for observation in batch]))


def draw_generators(rngs: Sequence[np.random.Generator], fewest: int = 1) -> Generators:
    """A source of randomness for each state of such a batch, drawn from its own generator."""
    return Generators([*map(draw_seed, rngs), *[0] * (fewest - len(rngs))])


def draw_seed(rng: np.random.Generator) -> int:
    """A seed for torch, 0 .. 2^31 - 1: torch's generator on the CPU uses 32 bits."""
    return int(rng.integers(2**31))
