"""The baseline: uniform samples, of which the best is taken."""

from typing import Any, Final

import torch
from torch import Tensor, nn

from qtopt_agent.core.action import ActionSpace
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.maximizers.base import AskTell, Maximum, best_of, nothing_yet
from qtopt_agent.maximizers.draws import integers, uniform


class RandomShooting(AskTell):
    """Scores `samples` uniform valid actions a state and returns the best."""

    name = "random"
    SPREAD: Final = 3**-0.5  # standard deviation of the uniform distribution on -1..1

    def __init__(self, space: ActionSpace, samples: int = 128, projection: nn.Module | None = None) -> None:
        super().__init__(space, rounds=1, projection=projection)
        if samples < 1:
            raise InvalidInput(f"samples {samples}: expected at least 1")
        self.samples = samples

    @property
    def evaluations(self) -> int:
        """Actions scored for each state."""
        return self.samples

    def settings(self) -> dict[str, Any]:
        """What a model's manifest says of it."""
        return {"name": self.name, "samples": self.samples}

    def start(self, batch: int) -> Maximum:
        """Nothing found yet, for `batch` states."""
        return nothing_yet(self.code, batch)

    def ask(self, search: Maximum, iteration: int, generator: torch.Generator) -> Tensor:
        """Uniform actions [B, N, A]: every bound, angle and mode alike."""
        code = self.code
        shape = [search.logit.shape[0], self.samples]
        unit = uniform([shape[0], shape[1], code.unit_size], generator) * 2 - 1
        choice = integers(code.choices, shape, generator)
        return code.decode(unit.to(search.logit.device), choice.to(search.logit.device))

    def tell(self, search: Maximum, iteration: int, actions: Tensor, logits: Tensor) -> Maximum:
        """The best of `actions` [B, N, A] by `logits` [B, N]."""
        return best_of(actions, logits, self.SPREAD)
