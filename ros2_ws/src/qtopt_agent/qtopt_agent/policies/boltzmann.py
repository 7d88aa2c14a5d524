"""The policy that takes good actions more often, and the best ones most often."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.observation import Observation
from qtopt_agent.core.policy import Decision
from qtopt_agent.core.profile import Profile
from qtopt_agent.maximizers import AskTell, Maximizer
from qtopt_agent.policies.greedy import as_batch, draw_generators
from qtopt_agent.q_functions import QFunction


class BoltzmannPolicy:
    """Draws one of the actions that a search ended with, each with a probability proportional to exp(Q / temperature).

    Sutton and Barto 2018, section 2.8, has the softmax. The actions are those of the maximiser's last iteration (of 64
    for CEM), and the best one found before it; towards temperature 0 this becomes the greedy policy. The density of the
    choice is unknown, because the search itself is random.
    """

    def __init__(
        self, q: QFunction, maximizer: Maximizer, profile: Profile, temperature: float, fewest: int = 1
    ) -> None:
        """`temperature` is in units of Q, `fewest` as in GreedyPolicy.

        Raises InvalidInput where `temperature` is not positive, or `maximizer` draws no samples.
        """
        if not 0 < temperature < np.inf:
            raise InvalidInput(f"temperature {temperature}: expected a positive number")
        if not isinstance(maximizer, AskTell):
            raise InvalidInput(f"{type(maximizer).__name__} has no samples to draw from, expected one such as CEM")
        self.name = "boltzmann"
        self._q = q.eval()
        self._maximizer = maximizer
        self._spec = profile.observation
        self._temperature = temperature
        self._fewest = fewest

    def decide(self, observation: Observation, rng: np.random.Generator) -> Decision:
        """One of the actions found. Raises InvalidInput on a wrong observation or a Q that is not finite."""
        return self.decide_all([observation], [rng])[0]

    def decide_all(self, observations: Sequence[Observation], rngs: Sequence[np.random.Generator]) -> list[Decision]:
        """One of the actions found for each observation. Raises as `decide`."""
        image, state = as_batch(observations, self._spec, self._fewest)
        generators = draw_generators(rngs, self._fewest)
        with torch.inference_mode():
            actions, q = self._candidates(self._q.encode(image), state, generators)
        return [self._draw(*found) for found in zip(actions, q, rngs, strict=False)]  # none for what fills up

    def _draw(self, actions: Tensor, q: Tensor, rng: np.random.Generator) -> Decision:
        # Float64 as rng.choice wants it: float32 probabilities sum to 1 too roughly.
        logits = q.double().numpy() / self._temperature
        probability = np.exp(logits - logits.max())
        chosen = int(rng.choice(len(logits), p=probability / probability.sum()))
        return Decision(actions[chosen].numpy(), float(q[chosen]))

    def _candidates(self, embedding: Tensor, state: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Actions [B, N, A] of the last round and the best before it, with their Q [B, N]."""
        maximizer = self._maximizer
        before = search = maximizer.start(len(state))
        for i in range(maximizer.rounds):
            before, actions = search, maximizer.ask(search, i, generator)
            logits = self._q.evaluate(embedding, state, actions)
            search = maximizer.tell(search, i, actions, logits)
        if maximizer.rounds > 1:
            actions = torch.cat([actions, before.action[:, None]], 1)
            logits = torch.cat([logits, before.logit[:, None]], 1)
        return actions, torch.sigmoid(logits)
