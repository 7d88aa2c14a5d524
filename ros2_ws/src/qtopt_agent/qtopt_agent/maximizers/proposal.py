"""The maximum that a Q-function names itself."""

from typing import Any

import torch
from torch import Tensor, nn

from qtopt_agent.core.action import ActionSpace
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.maximizers.action_code import ActionCode
from qtopt_agent.maximizers.base import Maximum, best_of
from qtopt_agent.q_functions.base import QFunction


class Proposal(nn.Module):
    """Scores what `q.propose` names, one action a mode, and returns the best.

    With NAF that is the analytic maximum (Gu et al. 2016), with an actor-critic the actor's output (Lillicrap et al.
    2016).
    """

    name = "proposal"

    def __init__(self, space: ActionSpace, projection: nn.Module | None = None) -> None:
        super().__init__()
        self.code = ActionCode(space, projection)

    @property
    def evaluations(self) -> int:
        """Actions scored for each state; the actor itself is not counted."""
        return self.code.choices

    def settings(self) -> dict[str, Any]:
        """What a model's manifest says of it."""
        return {"name": self.name}

    @torch.no_grad()
    def __call__(self, q: QFunction, embedding: Tensor, state: Tensor, generator: torch.Generator) -> Maximum:
        """See Maximizer; nothing is drawn. Raises InvalidInput where `q` proposes nothing or a value is not finite."""
        if not q.proposes:
            raise InvalidInput(f"{type(q).__name__} proposes no actions: take another maximiser")
        unit, choice = q.propose(embedding, state)
        actions = self.code.decode(unit, choice)
        return self.tell(actions, q.evaluate(embedding, state, actions))

    def tell(self, actions: Tensor, logits: Tensor) -> Maximum:
        """The best of `actions` [B, K, A] by `logits` [B, K]."""
        return best_of(actions, logits, 0.0)
