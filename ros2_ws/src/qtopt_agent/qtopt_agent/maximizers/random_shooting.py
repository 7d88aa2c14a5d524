"""The baseline: uniform samples, of which the best is taken."""

import torch
from torch import Tensor, nn

from qtopt_agent.core.action import ActionSpace
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.maximizers.action_code import ActionCode
from qtopt_agent.maximizers.base import Maximum
from qtopt_agent.q_functions.base import QFunction


class RandomShooting:
    """Scores `samples` uniform valid actions a state and returns the best."""

    def __init__(self, space: ActionSpace, samples: int = 128, projection: nn.Module | None = None) -> None:
        if samples < 1:
            raise InvalidInput(f"samples {samples}: expected at least 1")
        self.samples = samples
        self._code = ActionCode(space, projection)

    @property
    def evaluations(self) -> int:
        """Actions scored for each state."""
        return self.samples

    @torch.no_grad()
    def __call__(self, q: QFunction, embedding: Tensor, state: Tensor, generator: torch.Generator) -> Maximum:
        """See Maximizer. Raises InvalidInput when the Q-function returns a value that is not finite."""
        shape = (len(state), self.samples)
        unit = torch.rand([*shape, self._code.unit_size], generator=generator) * 2 - 1
        choice = torch.randint(self._code.choices, shape, generator=generator)
        actions = self._code.decode(unit, choice)
        logits = q.evaluate(embedding, state, actions)
        if not torch.isfinite(logits).all():
            raise InvalidInput("the Q-function returned a value that is not finite")
        best, index = logits.max(1)
        values = torch.sigmoid(torch.stack([best, best], -1))
        spread = torch.full([len(state), 1], 3**-0.5)  # standard deviation of the uniform distribution on -1..1
        return Maximum(actions[torch.arange(len(state)), index], best, torch.cat([values, spread], -1)[None])
