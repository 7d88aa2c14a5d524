"""Labels transitions with target values."""

from collections.abc import Sequence

import torch
from torch import Tensor

from qtopt_agent.maximizers.base import Maximizer
from qtopt_agent.q_functions import QFunction, QuantileQFunction


@torch.no_grad()
def bellman_targets(
    search: QFunction,
    values: Sequence[QFunction],
    maximizer: Maximizer,
    reward: Tensor,
    discount: Tensor,
    next_image: Tensor,
    next_state: Tensor,
    generator: torch.Generator,
    taus: Tensor | None = None,
) -> Tensor:
    """R + discount V(s') in 0..1, float32 [B]; `discount` [B] is 0 where nothing follows.

    With `taus` [B, T], for a quantile head: that many quantiles of the target, [B, T]. V as in `state_values`.
    """
    value, _ = state_values(search, values, maximizer, next_image, next_state, generator, taus)
    targets = (reward[:, None] + discount[:, None] * value).clamp(0, 1)
    return targets[:, 0] if taus is None else targets


@torch.no_grad()
def state_values(
    search: QFunction,
    values: Sequence[QFunction],
    maximizer: Maximizer,
    image: Tensor,
    state: Tensor,
    generator: torch.Generator,
    taus: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """V(s), [B, 1], and the action it is the value of, [B, A].

    V(s) is the smallest value that `values` give to the action that is best by `search`:

    - one network, which also searches: Q-learning with a target network (Mnih et al. 2015).
    - the online network searches, its target values: Double DQN (van Hasselt et al. 2016).
    - the moving average searches, it and its lagged copy value: clipped double Q-learning as in QT-Opt (Kalashnikov et
      al. 2018, section 4.2 and appendix F).

    With `taus` [B, T], the quantiles [B, T] of the network whose mean is the smallest (Bodnar et al. 2020, section 4).
    Each network encodes s once.
    """
    embedding = search.encode(image)
    best = maximizer(search, embedding, state, generator)
    value: Tensor | None = None
    for network in values:
        if network is search and taus is None:
            mine = best.q[:, None]
        else:
            mine = action_values(network, embedding if network is search else None, image, state, best.action, taus)
        value = mine if value is None else torch.where((mine.mean(1) < value.mean(1))[:, None], mine, value)
    assert value is not None
    return value, best.action


@torch.no_grad()
def action_values(
    network: QFunction,
    embedding: Tensor | None,
    image: Tensor,
    state: Tensor,
    action: Tensor,
    taus: Tensor | None = None,
) -> Tensor:
    """Q(s, a), [B, 1], or its quantiles at `taus`, [B, T], of one action [B, A] a state; encodes where it has to."""
    if embedding is None:
        embedding = network.encode(image)
    if isinstance(network, QuantileQFunction) and taus is not None:
        return torch.sigmoid(network.quantiles(embedding, state, action[:, None], taus)[:, 0].float())
    return torch.sigmoid(network.evaluate(embedding, state, action[:, None]).float())
