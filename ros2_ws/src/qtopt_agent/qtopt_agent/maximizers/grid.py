"""Discretised actions: every combination of a few levels, as a deep Q-network sees a continuous task."""

import itertools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from qtopt_agent.core.action import ActionSpace
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.maximizers.base import AskTell, Maximum, best_of, nothing_yet

MOST = 100_000
"""Actions in a grid; more would only fill the memory."""


class Grid(AskTell):
    """Scores `levels` (unit values in -1..1) of every dimension in all combinations with every mode: L^D K actions.

    The action set of Mnih et al. 2015 where actions are continuous; what lies between the levels is never tried.
    """

    name = "grid"
    _unit: Tensor
    _choice: Tensor

    def __init__(self, space: ActionSpace, levels: Sequence[float], projection: nn.Module | None = None) -> None:
        super().__init__(space, rounds=1, projection=projection)
        if not levels or not all(-1 <= level <= 1 for level in levels):
            raise InvalidInput(f"levels {list(levels)}: expected at least one value, each in -1..1")
        self.levels = [float(level) for level in levels]
        count = len(levels) ** self.code.unit_size * self.code.choices
        if count > MOST:
            raise InvalidInput(
                f"{len(levels)} levels of {self.code.unit_size} dimensions and {self.code.choices} modes are {count} "
                f"actions, expected at most {MOST}: take fewer levels or another maximiser"
            )
        points = itertools.product(self.levels, repeat=self.code.unit_size)
        unit = torch.tensor(list(points), dtype=torch.float32)
        modes = torch.arange(self.code.choices)
        self.register_buffer("_unit", unit.repeat_interleave(len(modes), 0), persistent=False)
        self.register_buffer("_choice", modes.repeat(len(unit)), persistent=False)

    @property
    def evaluations(self) -> int:
        """Actions scored for each state."""
        return int(self._choice.shape[0])

    def settings(self) -> dict[str, Any]:
        """What a model's manifest says of it."""
        return {"name": self.name, "levels": self.levels}

    def start(self, batch: int) -> Maximum:
        """Nothing found yet, for `batch` states."""
        return nothing_yet(self.code, batch)

    def ask(self, search: Maximum, iteration: int, generator: torch.Generator) -> Tensor:
        """The same actions [B, L^D K, A] for every state; nothing is drawn."""
        actions = self.code.decode(self._unit.unsqueeze(0), self._choice.unsqueeze(0))
        return actions.expand(search.logit.shape[0], -1, -1)

    def tell(self, search: Maximum, iteration: int, actions: Tensor, logits: Tensor) -> Maximum:
        """The best of `actions` [B, N, A] by `logits` [B, N]."""
        return best_of(actions, logits, 0.0)
