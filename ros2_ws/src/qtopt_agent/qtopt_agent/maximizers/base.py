"""What every maximiser offers: the best action it finds for each state of a batch."""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from qtopt_agent.q_functions.base import QFunction


class Maximum(NamedTuple):
    """action float32 [B, A], its logit [B], and stats [iterations, B, 3].

    The statistics of an iteration are the best Q seen in it, the mean Q of its elites, and the spread of the sampled
    distribution after it (mean standard deviation, as a fraction of half the action's range).
    """

    action: Tensor
    logit: Tensor
    stats: Tensor

    @property
    def q(self) -> Tensor:
        """Q = sigmoid(logit), [B]."""
        return torch.sigmoid(self.logit)


class Maximizer(Protocol):
    """argmax_a Q(s, a) over a batch of states at once."""

    @property
    def evaluations(self) -> int:
        """Actions scored for each state."""
        ...

    def __call__(self, q: QFunction, embedding: Tensor, state: Tensor, generator: torch.Generator) -> Maximum:
        """Search for each of B states [B, S] with image embedding [B, ...]; all randomness comes from `generator`.

        Raises InvalidInput when the Q-function returns a value that is not finite.
        """
        ...
