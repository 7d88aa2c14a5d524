"""Between action vectors and the coordinates that maximisers search in."""

import math

import torch
from torch import Tensor, nn

from qtopt_agent.core.action import ActionSpace


class ActionCode(nn.Module):
    """An action is `unit`, D numbers in -1..1 that span its bounds, and `choice`, one of K modes.

    Each continuous dimension and each angle is one unit coordinate. The flags are one categorical: choice 0 sets none,
    choice k sets the k-th. `projection` maps actions [B, N, A] onto further constraints and is applied to every sample.
    """

    _low: Tensor
    _high: Tensor
    _half: Tensor
    _max_angle: Tensor
    _angle_limit: Tensor
    _flag_numbers: Tensor
    _period: Tensor

    def __init__(self, space: ActionSpace, projection: nn.Module | None = None) -> None:
        super().__init__()
        self.action_size = space.size
        self.choices = len(space.choices) + 1
        self.unit_size = len(space.low) + len(space.max_angle)
        self._continuous = len(space.low)
        self._circles = len(space.max_angle)
        self.projection = projection
        full_turn = [math.isclose(angle, math.pi) for angle in space.max_angle]
        limits = [math.inf if full else angle for full, angle in zip(full_turn, space.max_angle, strict=True)]
        constants = {
            "_low": space.low,
            "_high": space.high,
            "_half": [(high - low) / 2 for low, high in zip(space.low, space.high, strict=True)],
            "_max_angle": space.max_angle,
            "_angle_limit": limits,
            "_flag_numbers": range(1, self.choices),
            # Twice the unit range is one turn where a coordinate wraps round, and 0 where it does not.
            "_period": [0.0] * len(space.low) + [2.0 * full for full in full_turn],
        }
        for name, values in constants.items():
            self.register_buffer(name, torch.tensor(list(values), dtype=torch.float32), persistent=False)

    def decode(self, unit: Tensor, choice: Tensor) -> Tensor:
        """Valid actions float32 [B, N, A] nearest to unit [B, N, D] with choice [B, N]."""
        n = self._continuous
        middle = self._low + self._half
        continuous = torch.clamp(middle + self._half * unit[..., :n], self._low, self._high)
        angle = torch.clamp(self._max_angle * unit[..., n:], -self._angle_limit, self._angle_limit)
        circles = torch.stack([torch.sin(angle), torch.cos(angle)], -1).flatten(-2)
        flags = (choice.unsqueeze(-1) == self._flag_numbers).to(unit.dtype)
        actions = torch.cat([continuous, circles, flags], -1)
        if self.projection is not None:
            actions = self.projection(actions)
        return actions

    def encode(self, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Coordinates [B, N, D] and one-hot choice [B, N, K] of valid actions."""
        n, c = self._continuous, self._circles
        continuous = (actions[..., :n] - self._low) / self._half - 1
        circles = actions[..., n : n + 2 * c].unflatten(-1, [c, 2])
        angles = torch.atan2(circles[..., 0], circles[..., 1]) / self._max_angle
        flags = actions[..., n + 2 * c :]
        return torch.cat([continuous, angles], -1), torch.cat([1 - flags.sum(-1, keepdim=True), flags], -1)

    def difference(self, a: Tensor, b: Tensor) -> Tensor:
        """The difference a - b in unit coordinates, the short way round where an angle covers the whole circle."""
        d = a - b
        return d - self._period * torch.round(d / 2)
