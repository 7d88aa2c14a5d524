"""Labels transitions with target values."""

import torch
from torch import Tensor

from qtopt_agent.maximizers.base import Maximizer
from qtopt_agent.q_functions.base import QFunction


@torch.no_grad()
def bellman_targets(
    first: QFunction,
    second: QFunction,
    maximizer: Maximizer,
    reward: Tensor,
    terminal: Tensor,
    next_image: Tensor,
    next_state: Tensor,
    discount: float,
    generator: torch.Generator,
) -> Tensor:
    """R + discount V(s') in 0..1, float32 [B], without V where `terminal` is 1.

    V(s') is the smaller of the two target networks' values of the action that is best by the first (clipped double
    Q-learning; Kalashnikov et al. 2018, section 4.2 and appendix F). Each network encodes s' once.
    """
    embedding = first.encode(next_image)
    best = maximizer(first, embedding, next_state, generator)
    others = second.evaluate(second.encode(next_image), next_state, best.action[:, None])
    value = torch.minimum(best.q, torch.sigmoid(others[:, 0].float()))
    return (reward + discount * (1 - terminal) * value).clamp(0, 1)
