"""Constraints that couple several numbers of an action."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from qtopt_agent.core.errors import InvalidInput

ROUNDING = 1e-12


class CappedSimplex(nn.Module):
    """The Euclidean projection onto shares that sum to 1, with a cap on each share and one on each group of them.

    With v the point, the projection is clip(v - max(a, b_g), 0, cap): the multiplier `b_g` alone holds group g to its
    cap, and does so whatever `a`, the multiplier of the sum, is. So each group is filled first, then the whole.
    """

    _caps: Tensor
    _totals: Tensor

    def __init__(self, caps: Sequence[float], groups: Sequence[int], group_caps: Sequence[float]) -> None:
        """`caps` [n] and `group_caps` [G] in 0..1; groups[i] in 0..G-1 is the group of share i.

        Raises InvalidInput where sizes differ or no shares within the caps sum to 1.
        """
        super().__init__()
        if len(groups) != len(caps) or any(not 0 <= group < len(group_caps) for group in groups):
            raise InvalidInput(f"groups {list(groups)}: expected {len(caps)} numbers from 0 to {len(group_caps) - 1}")
        if not all(0 <= cap <= 1 for cap in (*caps, *group_caps)):
            raise InvalidInput(f"caps {list(caps)}, group caps {list(group_caps)}: expected shares from 0 to 1")
        member = torch.tensor(groups) == torch.arange(len(group_caps))[:, None]
        by_group = torch.tensor(caps, dtype=torch.float64) * member
        totals = torch.minimum(by_group.sum(1), torch.tensor(group_caps, dtype=torch.float64))
        if totals.sum() < 1 - ROUNDING:
            raise InvalidInput(f"the caps leave room for {totals.sum():.3g} at most: shares cannot sum to 1")
        self.register_buffer("_caps", by_group, persistent=False)
        self.register_buffer("_totals", totals, persistent=False)

    def forward(self, actions: Tensor) -> Tensor:
        """The nearest allowed shares to [..., n]."""
        shares = actions.double()
        room = fill(shares.unsqueeze(-2), self._caps, self._totals).sum(-2)
        return fill(shares, room, torch.ones_like(room[..., 0])).to(actions.dtype)


def fill(values: Tensor, caps: Tensor, total: Tensor) -> Tensor:
    """clip(values - t, 0, caps), both [..., n], with the t at which it sums to `total` [...], at most the caps' sum.

    The sum falls piecewise linearly in t, so t lies between the two neighbouring corners on either side of `total`.
    """
    corners = torch.cat([values.expand_as(values - caps), values - caps], -1)
    sums = torch.minimum((values.unsqueeze(-2) - corners.unsqueeze(-1)).clamp_min(0), caps.unsqueeze(-2)).sum(-1)
    wanted = total.unsqueeze(-1)
    infinity = torch.full_like(corners, float("inf"))
    left, at_left = torch.where(sums >= wanted - ROUNDING, corners, -infinity).max(-1, keepdim=True)
    right, at_right = torch.where(sums <= wanted + ROUNDING, corners, infinity).min(-1, keepdim=True)
    above, below = sums.gather(-1, at_left), sums.gather(-1, at_right)
    step = (above - wanted) / (above - below).clamp_min(ROUNDING)
    threshold = left + step.clamp(0, 1) * (right - left)
    return torch.minimum((values - threshold).clamp_min(0), caps)
