"""CEM over the weights of a linear policy instead of over actions."""

import torch
from torch import Tensor, nn

from qtopt_agent.core.action import ActionSpace
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.maximizers.action_code import ActionCode
from qtopt_agent.maximizers.base import Maximum, check_finite
from qtopt_agent.maximizers.cem import CEM
from qtopt_agent.maximizers.draws import normal, uniform
from qtopt_agent.q_functions.base import QFunction


class PolicyWeightCEM(nn.Module):
    """Samples W [D, S] and b [D], scores the action A = W s + b in unit coordinates, and refits to the elites' weights.

    Known as "version 2" of the public quantumiracle/QT_Opt. It starts anew for every state, as there: weights carried
    from one state to the next kept their Q-learning from converging. (s, 1) is scaled to length 1, so that the first
    actions spread as CEM's do, whatever the units of s. The modes are CEM's categorical.
    """

    def __init__(
        self,
        space: ActionSpace,
        samples: int = 64,
        elites: int = 6,
        iterations: int = 4,
        projection: nn.Module | None = None,
    ) -> None:
        super().__init__()
        if not (1 <= elites <= samples and iterations >= 1):
            raise InvalidInput(
                f"{samples} samples, {elites} elites, {iterations} iterations: need 1 <= elites <= samples"
            )
        self.samples, self.elites, self.iterations = samples, elites, iterations
        self.code = ActionCode(space, projection)

    @property
    def evaluations(self) -> int:
        """Actions scored for each state."""
        return self.samples * self.iterations

    @torch.no_grad()
    def __call__(self, q: QFunction, embedding: Tensor, state: Tensor, generator: torch.Generator) -> Maximum:
        """See Maximizer. Raises InvalidInput when the Q-function returns a value that is not finite."""
        code, batch, device = self.code, state.shape[0], state.device
        features = nn.functional.normalize(torch.cat([state, torch.ones_like(state[:, :1])], 1), dim=1)
        shape = [batch, code.unit_size, features.shape[1]]
        mean, std = features.new_zeros(shape), features.new_full(shape, CEM.INITIAL_STD)
        probability = features.new_full([batch, code.choices], 1 / code.choices)
        rows = torch.arange(batch, device=device)
        best_action, best_logit = features.new_zeros([batch, code.action_size]), features.new_full([batch], -torch.inf)
        stats = []
        for _ in range(self.iterations):
            offset = normal([batch, self.samples, *shape[1:]], generator).to(device)
            chance = uniform([batch, self.samples, 1], generator).to(device)
            weights = mean[:, None] + std[:, None] * offset
            unit = (weights * features[:, None, None]).sum(-1)
            choice = (chance > probability.cumsum(-1)[:, None, :-1]).sum(-1)
            actions = code.decode(unit, choice)
            logits = q.evaluate(embedding, state, actions)
            check_finite(logits)
            elite_logits, index = logits.topk(self.elites, 1)
            elites = weights[rows[:, None], index]
            mean, std = elites.mean(1), elites.std(1, unbiased=False).clamp_min(CEM.MIN_STD)
            frequency = nn.functional.one_hot(choice.gather(1, index), code.choices).to(mean.dtype).mean(1)
            probability = CEM.MIN_PROBABILITY + (1 - CEM.MIN_PROBABILITY * code.choices) * frequency
            better = elite_logits[:, 0] > best_logit
            best_action = torch.where(better[:, None], actions[rows, index[:, 0]], best_action)
            best_logit = torch.where(better, elite_logits[:, 0], best_logit)
            values = torch.sigmoid(elite_logits)
            spread = (std * features[:, None]).norm(dim=-1).mean(1)  # of the actions that these weights give
            stats.append(torch.stack([values[:, 0], values.mean(1), spread], -1))
        return Maximum(best_action, best_logit, torch.stack(stats))
