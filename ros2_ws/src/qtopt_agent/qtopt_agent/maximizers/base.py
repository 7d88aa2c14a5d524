"""What every maximiser offers: the best action it finds for each state of a batch."""

from abc import ABC, abstractmethod
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from qtopt_agent.core.action import ActionSpace
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.maximizers.action_code import ActionCode
from qtopt_agent.q_functions.base import QFunction


class Maximum(NamedTuple):
    """action float32 [B, A], its logit [B], and stats [iterations, B, 3].

    The statistics of an iteration are the best Q seen in it, the mean Q of its elites, and the spread of the sampled
    distribution after it (mean standard deviation, as a fraction of half the action's range).
    """

    action: Tensor
    logit: Tensor
    stats: Tensor

    @property
    def q(self) -> Tensor:
        """Q = sigmoid(logit), [B]."""
        return torch.sigmoid(self.logit)


class Maximizer(Protocol):
    """argmax_a Q(s, a) over a batch of states at once."""

    @property
    def evaluations(self) -> int:
        """Actions scored for each state."""
        ...

    def __call__(self, q: QFunction, embedding: Tensor, state: Tensor, generator: torch.Generator) -> Maximum:
        """Search for each of B states [B, S] with image embedding [B, ...]; all randomness comes from `generator`.

        `Generators` are one for each state. Raises InvalidInput when the Q-function returns a value that is not finite.
        """
        ...


class AskTell(nn.Module, ABC):
    """A maximiser that can be deployed: TorchScript hands no module to a function, so this one asks and is told.

    `start` makes the state of a search, a NamedTuple that has Maximum's fields for the best so far. In each of `rounds`
    rounds, `ask` gives the actions to score and `tell` takes their logits.
    """

    name: str

    def __init__(self, space: ActionSpace, rounds: int, projection: nn.Module | None) -> None:
        super().__init__()
        self.rounds = rounds
        self.code = ActionCode(space, projection)

    @property
    @abstractmethod
    def evaluations(self) -> int:
        """Actions scored for each state."""

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """What a model's manifest says of it."""

    @abstractmethod
    def start(self, batch: int) -> Any:
        """The search before its first round, for `batch` states."""

    @abstractmethod
    def ask(self, search: Any, iteration: int, generator: torch.Generator) -> Tensor:
        """Actions [B, N, A] to score in this round."""

    @abstractmethod
    def tell(self, search: Any, iteration: int, actions: Tensor, logits: Tensor) -> Any:
        """The search after scoring `actions` [B, N, A] with `logits` [B, N]."""

    @torch.no_grad()
    def __call__(
        self,
        q: QFunction,
        embedding: Tensor,
        state: Tensor,
        generator: torch.Generator,
        last: Tensor | None = None,
    ) -> Maximum:
        """See Maximizer. Raises InvalidInput when the Q-function returns a value that is not finite.

        last: [B, A], what was decided before in the same attempt, NaN at its beginning. Such a warm start scores it in
        the first round, in place of a sample; nothing is remembered here.
        """
        search = self.start(state.shape[0])
        for i in range(self.rounds):
            actions = self.ask(search, i, generator)
            if i == 0 and last is not None:
                first = torch.where(last.isnan().any(1, keepdim=True), actions[:, 0], last)
                actions = torch.cat([first.unsqueeze(1), actions[:, 1:]], 1)
            search = self.tell(search, i, actions, q.evaluate(embedding, state, actions))
        return Maximum(search.action, search.logit, search.stats)


def check_finite(logits: Tensor) -> None:
    """Raises InvalidInput unless every logit is finite, so that NaN is never sorted among the best."""
    if not bool(torch.isfinite(logits.sum())):
        raise InvalidInput("the Q-function returned a value that is not finite")


def best_of(actions: Tensor, logits: Tensor, spread: float) -> Maximum:
    """The best of actions [B, N, A] by their logits [B, N]: a whole search of one round."""
    check_finite(logits)
    logit, index = logits.max(1)
    value = torch.sigmoid(logit)
    stats = torch.stack([value, value, torch.full_like(value, spread)], -1).unsqueeze(0)
    rows = torch.arange(actions.shape[0], device=actions.device)
    return Maximum(actions[rows, index], logit, stats)


def nothing_yet(code: ActionCode, batch: int) -> Maximum:
    """The state of a search before anything is scored."""
    like = code._low
    return Maximum(
        like.new_zeros([batch, code.action_size]),
        like.new_full([batch], -float("inf")),
        like.new_zeros([0, batch, 3]),
    )
