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

    V(s') is the smallest value that `values` give to the action that is best by `search`:

    - one network, which also searches: Q-learning with a target network (Mnih et al. 2015).
    - the online network searches, its target values: Double DQN (van Hasselt et al. 2016).
    - the moving average searches, it and its lagged copy value: clipped double Q-learning as in QT-Opt (Kalashnikov et
      al. 2018, section 4.2 and appendix F).

    With `taus` [B, T], for a quantile head: that many quantiles of the target, [B, T], of the network whose mean is the
    smallest (Bodnar et al. 2020, section 4). Each network encodes s' once.
    """
    embedding = search.encode(next_image)
    best = maximizer(search, embedding, next_state, generator)
    actions = best.action[:, None]
    value: Tensor | None = None
    for network in values:
        if network is search and taus is None:
            mine = best.q[:, None]
        else:
            mine_embedding = embedding if network is search else network.encode(next_image)
            if isinstance(network, QuantileQFunction) and taus is not None:
                logits = network.quantiles(mine_embedding, next_state, actions, taus)[:, 0]
            else:
                logits = network.evaluate(mine_embedding, next_state, actions)
            mine = torch.sigmoid(logits.float())
        value = mine if value is None else torch.where((mine.mean(1) < value.mean(1))[:, None], mine, value)
    assert value is not None
    targets = (reward[:, None] + discount[:, None] * value).clamp(0, 1)
    return targets[:, 0] if taus is None else targets
