"""The cross-entropy method over mixed actions, for a whole batch of states at once."""

import math
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, nn

from qtopt_agent.core.action import ActionSpace
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.maximizers.base import AskTell, check_finite
from qtopt_agent.maximizers.draws import normal, uniform


class Search(NamedTuple):
    """A search under way: Gaussians [B, D], mode probabilities [B, K], elites [B, E, A] with logits [B, E], best."""

    mean: Tensor
    std: Tensor
    probability: Tensor
    elites: Tensor
    elite_logits: Tensor
    action: Tensor
    logit: Tensor
    stats: Tensor


class CEM(AskTell):
    """Rubinstein and Kroese 2004, with the settings of Kalashnikov et al. 2018: 64 samples, 6 elites, 2 iterations.

    Continuous dimensions and angles are independent Gaussians clipped to their bounds (wrapped on a full circle), the
    flags one categorical; both are refitted to the elites. `keep_elites` lets elites stand again in the next
    iteration, at no evaluation; `add_mean` replaces one sample of the last iteration by the mean; `population_decay`
    divides the samples from one iteration to the next, down to twice the elites (all from iCEM, Pinneri et al. 2020).
    `return_best` gives the best sample seen, otherwise the last mean, for one more evaluation.
    """

    name = "cem"

    # In half ranges: samples reach the bounds, where many of the best grasping motions lie.
    INITIAL_STD: Final = 0.75
    MIN_STD: Final = 0.02
    # Of each mode, so that an unlucky first draw does not rule out closing the jaw.
    MIN_PROBABILITY: Final = 0.05

    def __init__(
        self,
        space: ActionSpace,
        samples: int = 64,
        elites: int = 6,
        iterations: int = 2,
        *,
        keep_elites: bool = False,
        add_mean: bool = False,
        population_decay: float = 1.0,
        return_best: bool = True,
        projection: nn.Module | None = None,
    ) -> None:
        super().__init__(space, iterations if return_best else iterations + 1, projection)
        if not (1 <= elites <= samples and iterations >= 1):
            raise InvalidInput(
                f"{samples} samples, {elites} elites, {iterations} iterations: need 1 <= elites <= samples"
            )
        if not 1 <= population_decay < math.inf:
            raise InvalidInput(f"population_decay {population_decay}: expected at least 1")
        self.samples, self.elites, self.iterations = samples, elites, iterations
        fewest = min(samples, 2 * elites)
        self.populations = [max(fewest, int(samples / population_decay**i)) for i in range(iterations)]
        self.keep_elites, self.add_mean, self.return_best = keep_elites, add_mean, return_best

    @property
    def evaluations(self) -> int:
        """Actions scored for each state."""
        return sum(self.populations) + self.rounds - self.iterations

    def settings(self) -> dict[str, Any]:
        """What a model's manifest says of it."""
        return {"name": self.name, "samples": self.samples, "elites": self.elites, "iterations": self.iterations}

    def start(self, batch: int) -> Search:
        """Gaussians over the whole range and every mode alike, for `batch` states."""
        code = self.code
        like = code._low
        return Search(
            mean=like.new_zeros([batch, code.unit_size]),
            std=like.new_full([batch, code.unit_size], self.INITIAL_STD),
            probability=like.new_full([batch, code.choices], 1.0 / code.choices),
            elites=like.new_zeros([batch, 0, code.action_size]),
            elite_logits=like.new_zeros([batch, 0]),
            action=like.new_zeros([batch, code.action_size]),
            logit=like.new_full([batch], -float("inf")),
            stats=like.new_zeros([0, batch, 3]),
        )

    def ask(self, search: Search, iteration: int, generator: torch.Generator) -> Tensor:
        """Actions [B, N, A] to score in this iteration."""
        mean, mode = search.mean.unsqueeze(1), search.probability.argmax(-1, keepdim=True)
        if iteration == self.iterations:
            return self.code.decode(mean, mode)
        batch, n = search.mean.shape[0], self.populations[iteration]
        offset = normal([batch, n, search.mean.shape[1]], generator).to(mean.device)
        chance = uniform([batch, n, 1], generator).to(mean.device)
        unit = mean + search.std.unsqueeze(1) * offset
        choice = (chance > search.probability.cumsum(-1)[:, :-1].unsqueeze(1)).sum(-1)
        if self.add_mean and iteration == self.iterations - 1:
            unit = torch.cat([unit[:, 1:], mean], 1)
            choice = torch.cat([choice[:, 1:], mode], 1)
        return self.code.decode(unit, choice)

    def tell(self, search: Search, iteration: int, actions: Tensor, logits: Tensor) -> Search:
        """The search after scoring `actions` [B, N, A] with `logits` [B, N]."""
        check_finite(logits)
        if iteration == self.iterations:
            mean, std, probability, elites, elite_logits, _, _, stats = search
            return Search(mean, std, probability, elites, elite_logits, actions[:, 0], logits[:, 0], stats)
        if self.keep_elites:
            actions = torch.cat([actions, search.elites], 1)
            logits = torch.cat([logits, search.elite_logits], 1)
        elite_logits, index = logits.topk(self.elites, 1)
        elites = actions.gather(1, index.unsqueeze(-1).expand(-1, -1, actions.shape[2]))
        unit, modes = self.code.encode(elites)
        best = unit[:, :1]
        offset = self.code.difference(unit, best)
        std = offset.std(1, unbiased=False).clamp_min(self.MIN_STD)
        better = elite_logits[:, 0] > search.logit
        values = torch.sigmoid(elite_logits)
        stats = torch.stack([values[:, 0], values.mean(1), std.mean(1)], -1)
        return Search(
            mean=unit[:, 0] + offset.mean(1),
            std=std,
            probability=self.MIN_PROBABILITY + (1 - self.MIN_PROBABILITY * modes.shape[2]) * modes.mean(1),
            elites=elites,
            elite_logits=elite_logits,
            action=torch.where(better.unsqueeze(-1), elites[:, 0], search.action),
            logit=torch.where(better, elite_logits[:, 0], search.logit),
            stats=torch.cat([search.stats, stats.unsqueeze(0)]),
        )


class ICEM(CEM):
    """CEM with the options of iCEM (Pinneri et al. 2020) that make sense for a single action, all on.

    Left out are the noise correlated in time and the plan shifted from one step to the next.
    """

    name = "icem"

    def __init__(
        self,
        space: ActionSpace,
        samples: int = 64,
        elites: int = 6,
        iterations: int = 2,
        *,
        projection: nn.Module | None = None,
    ) -> None:
        super().__init__(
            space,
            samples,
            elites,
            iterations,
            keep_elites=True,
            add_mean=True,
            population_decay=1.25,
            projection=projection,
        )
