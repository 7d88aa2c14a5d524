"""Targets of n steps from a replay that other policies filled.

What a later policy would have done differently, it should not be taught as its own. A sequence (s_0, a_0, r_0, ...,
s_n) is followed for as long as its actions are likely enough under the policy of today, and bootstraps from there.
"""

import torch
from torch import Tensor

from qtopt_agent.maximizers.action_code import ActionCode

TOLERANCE = 0.4  # in half ranges: as far apart as two CEM searches of the same Q often are, docs/algorithms/n-step.md


def follows(code: ActionCode, action: Tensor, greedy: Tensor, tolerance: float = TOLERANCE) -> Tensor:
    """Whether actions [..., A] are as the greedy ones [..., A]: same flags, coordinates within `tolerance`, bool [...].

    The distance of the coordinates is their root mean square difference.
    """
    unit, choice = code.encode(action)
    greedy_unit, greedy_choice = code.encode(greedy)
    near = code.difference(unit, greedy_unit).square().mean(-1).sqrt() <= tolerance
    return near & (choice.argmax(-1) == greedy_choice.argmax(-1))


def retrace(target: Tensor, behaviour: Tensor) -> Tensor:
    """Traces min(1, pi / mu) from the log densities of both policies; 0 where the behaviour's is not known (NaN)."""
    ratio = torch.exp((target - behaviour).clamp(max=0))
    return torch.where(behaviour.isfinite(), ratio, 0.0)


def cut(reward: Tensor, discount: Tensor, value: Tensor, follows: Tensor) -> Tensor:
    """n-step targets [B] that bootstrap at the first action that leaves the greedy policy (Watkins 1989).

    For step i of n, `reward` [B, n] is r_i, `value` [B, n] is V(s_{i+1}) and `discount` [B, n] what multiplies it, 0
    after a terminal step. `follows` bool [B, n - 1] says of a_1 .. a_{n-1} whether they are the greedy policy's; False
    where the episode has ended.
    """
    return _backwards(reward, discount, value, value[:, :-1], follows.to(value.dtype))


def importance(reward: Tensor, discount: Tensor, value: Tensor, taken: Tensor, trace: Tensor) -> Tensor:
    """Retrace targets [B] (Munos et al. 2016, eq. 3 and 4, lambda 1).

    `reward`, `discount` and `value` are as in `cut`. `taken` [B, n - 1] is Q(s_i, a_i) for a_1 .. a_{n-1}, and `trace`
    [B, n - 1] their c_i in 0..1; 0 where the episode has ended.
    """
    return _backwards(reward, discount, value, taken, trace)


def _backwards(reward: Tensor, discount: Tensor, value: Tensor, taken: Tensor, trace: Tensor) -> Tensor:
    """G_i = r_i + discount_i (V(s_{i+1}) + c_{i+1} (G_{i+1} - Q(s_{i+1}, a_{i+1}))); returns G_0."""
    target = reward[:, -1] + discount[:, -1] * value[:, -1]
    for i in reversed(range(reward.shape[1] - 1)):
        target = reward[:, i] + discount[:, i] * (value[:, i] + trace[:, i] * (target - taken[:, i]))
    return target
