"""Projected gradient ascent from the best action that CEM finds."""

import torch
from torch import Tensor, nn

from qtopt_agent.core.action import ActionSpace
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.maximizers.base import Maximum, check_finite
from qtopt_agent.maximizers.cem import CEM
from qtopt_agent.q_functions.base import QFunction


class GradientAscent(nn.Module):
    """CEM, then `steps` steps along dQ/du from its best action; the mode stays as CEM found it.

    A step goes a length of its own along the normalised gradient in unit coordinates, and is projected. Where Q rises,
    the next is longer; where it does not, the search goes back and halves the length. So Q never falls below CEM's.
    Each gradient counts as two evaluations, one forward and one backward.
    """

    FIRST_STEP = 0.1  # in half ranges
    GROWTH, SHRINKING = 1.5, 0.5

    def __init__(
        self,
        space: ActionSpace,
        samples: int = 64,
        elites: int = 6,
        iterations: int = 2,
        steps: int = 8,
        projection: nn.Module | None = None,
    ) -> None:
        super().__init__()
        if steps < 1:
            raise InvalidInput(f"steps {steps}: expected at least 1")
        self.cem = CEM(space, samples, elites, iterations, projection=projection)
        self.steps = steps

    @property
    def evaluations(self) -> int:
        """Actions scored for each state: CEM's, and two for the gradient at its best and after each step."""
        return self.cem.evaluations + 2 * (self.steps + 1)

    def __call__(self, q: QFunction, embedding: Tensor, state: Tensor, generator: torch.Generator) -> Maximum:
        """See Maximizer; each step is one more iteration of the statistics. Raises InvalidInput."""
        found = self.cem(q, embedding, state, generator)
        # Policies run in inference mode, whose tensors autograd refuses until they are copied outside it.
        with torch.inference_mode(False), torch.enable_grad():
            return self._climb(q, embedding.clone(), state.clone(), found)

    def _climb(self, q: QFunction, embedding: Tensor, state: Tensor, found: Maximum) -> Maximum:
        code = self.cem.code
        action = found.action.clone()
        unit, modes = code.encode(action[:, None])
        choice = modes.argmax(-1)
        logit, direction = self._slope(q, embedding, state, unit, choice)
        logit = found.logit.clone()
        length = torch.full_like(logit, self.FIRST_STEP)
        stats = [found.stats.clone()]
        for _ in range(self.steps):
            tried = code.decode(unit + length[:, None, None] * direction, choice)
            tried_unit, _ = code.encode(tried)
            tried_logit, tried_direction = self._slope(q, embedding, state, tried_unit, choice)
            better = tried_logit > logit
            rows = better[:, None, None]
            unit, direction = torch.where(rows, tried_unit, unit), torch.where(rows, tried_direction, direction)
            action = torch.where(better[:, None], tried[:, 0], action)
            logit = torch.where(better, tried_logit, logit)
            length = length * torch.where(better, self.GROWTH, self.SHRINKING)
            value = torch.sigmoid(logit)
            stats.append(torch.stack([value, value, length], -1)[None])
        return Maximum(action, logit, torch.cat(stats))

    def _slope(
        self, q: QFunction, embedding: Tensor, state: Tensor, unit: Tensor, choice: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Logit [B] at unit [B, 1, D], and the uphill direction [B, 1, D] of length 1 that leads out of no bound."""
        unit = unit.detach().requires_grad_()
        logit = q.evaluate(embedding, state, self.cem.code.decode(unit, choice))[:, 0]
        check_finite(logit)
        (gradient,) = torch.autograd.grad(logit.sum(), unit)
        outwards = (unit.detach().abs() >= 1) & (gradient * unit.detach() > 0)
        free = gradient.masked_fill(outwards & (self.cem.code._period == 0), 0.0)
        return logit.detach(), torch.nn.functional.normalize(free, dim=-1)
