"""CMA-ES over mixed actions, for a whole batch of states at once."""

from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, nn

from qtopt_agent.core.action import ActionSpace
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.maximizers.base import AskTell, check_finite
from qtopt_agent.maximizers.covariance_adaptation import CovarianceAdaptation, Gaussian
from qtopt_agent.maximizers.draws import normal, uniform


class AdaptingSearch(NamedTuple):
    """A search under way: the Gaussian, mode probabilities [B, K], and the best so far."""

    gaussian: Gaussian
    probability: Tensor
    action: Tensor
    logit: Tensor
    stats: Tensor


class CMAES(AskTell):
    """Hansen 2016 over the unit coordinates: `iterations` generations of `samples` (see CovarianceAdaptation).

    Samples are ranked, and the distribution updated, as they were scored: after clipping and projection. The flags are
    one categorical, refitted to the better half with its recombination weights.
    """

    name = "cma_es"
    INITIAL_STEP: Final = 0.5  # in half ranges
    MIN_PROBABILITY: Final = 0.05  # of each mode, as in CEM

    def __init__(
        self, space: ActionSpace, samples: int = 16, iterations: int = 8, projection: nn.Module | None = None
    ) -> None:
        super().__init__(space, iterations, projection)
        if samples < 2 or iterations < 1:
            raise InvalidInput(f"{samples} samples, {iterations} iterations: need at least 2 samples and 1 iteration")
        self.samples, self.iterations = samples, iterations
        self.core = CovarianceAdaptation(self.code.unit_size, samples)

    @property
    def evaluations(self) -> int:
        """Actions scored for each state."""
        return self.samples * self.iterations

    def settings(self) -> dict[str, Any]:
        """What a model's manifest says of it."""
        return {"name": self.name, "samples": self.samples, "iterations": self.iterations}

    def start(self, batch: int) -> AdaptingSearch:
        """A round Gaussian in the middle of the range and every mode alike, for `batch` states."""
        code = self.code
        like = code._low
        return AdaptingSearch(
            gaussian=self.core.start(batch, self.INITIAL_STEP),
            probability=like.new_full([batch, code.choices], 1.0 / code.choices),
            action=like.new_zeros([batch, code.action_size]),
            logit=like.new_full([batch], -float("inf")),
            stats=like.new_zeros([0, batch, 3]),
        )

    def ask(self, search: AdaptingSearch, iteration: int, generator: torch.Generator) -> Tensor:
        """Actions [B, N, A] to score in this generation."""
        batch, device = search.logit.shape[0], search.logit.device
        offset = normal([batch, self.samples, self.code.unit_size], generator).to(device)
        chance = uniform([batch, self.samples, 1], generator).to(device)
        unit = self.core.sample(search.gaussian, offset.double())
        choice = (chance > search.probability.cumsum(-1)[:, :-1].unsqueeze(1)).sum(-1)
        return self.code.decode(unit.float(), choice)

    def tell(self, search: AdaptingSearch, iteration: int, actions: Tensor, logits: Tensor) -> AdaptingSearch:
        """The search after scoring `actions` [B, N, A] with `logits` [B, N]."""
        check_finite(logits)
        core = self.core
        ranked_logits, order = logits.sort(1, descending=True)
        ranked = actions.gather(1, order.unsqueeze(-1).expand(-1, -1, actions.shape[2]))
        unit, modes = self.code.encode(ranked)
        offset = self.code.difference(unit.double(), search.gaussian.mean.unsqueeze(1))
        gaussian = core.update(search.gaussian, iteration, offset)
        weights = core.weights[: core.parents].to(modes.dtype)
        share = (weights.unsqueeze(-1) * modes[:, : core.parents]).sum(1)
        better = ranked_logits[:, 0] > search.logit
        spread = gaussian.step * gaussian.covariance.diagonal(dim1=1, dim2=2).sqrt().mean(1)
        values = torch.sigmoid(ranked_logits[:, : core.parents])
        stats = torch.stack([values[:, 0], values.mean(1), spread.to(values.dtype)], -1)
        return AdaptingSearch(
            gaussian=gaussian,
            probability=self.MIN_PROBABILITY + (1 - self.MIN_PROBABILITY * modes.shape[2]) * share,
            action=torch.where(better.unsqueeze(-1), ranked[:, 0], search.action),
            logit=torch.where(better, ranked_logits[:, 0], search.logit),
            stats=torch.cat([search.stats, stats.unsqueeze(0)]),
        )
