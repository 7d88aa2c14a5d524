"""What the small networks share: a context vector of image and state, to which each action's vector is added."""

from abc import abstractmethod

from torch import Tensor, nn

from qtopt_agent.core.profile import Profile
from qtopt_agent.q_functions.base import QFunction

WIDTH = 128


class ContextNetwork(QFunction):
    """Image and state make one context vector [B, 128], whatever the number of actions that are scored against it."""

    embedding_size: int
    """Length of `encode`'s vector."""

    @abstractmethod
    def context(self, embedding: Tensor, state: Tensor) -> Tensor:
        """Context [B, 128], before any activation."""

    def evaluate(self, embedding: Tensor, state: Tensor, actions: Tensor) -> Tensor:
        """Logits [B, N]: the context is made once and added to each action's vector."""
        context = self.context(embedding, state).unsqueeze(1)
        return self.head(context + self.action_layer(self._scaled_actions(actions))).squeeze(-1).float()

    def add_head(self) -> None:
        """The layers behind the context; called where their weights are to be drawn."""
        self.action_layer: nn.Module = nn.Linear(self.action_size, WIDTH, bias=False)
        self.head: nn.Module = make_layers(1)

    def drop_head(self) -> None:
        """Leave `encode` and `context` only, for a Q-function that has a head of its own."""
        self.action_layer = self.head = nn.Identity()


class NetworkQFunction(QFunction):
    """Base of the Q-functions that build on a ContextNetwork and are not just that."""

    def __init__(self, network: ContextNetwork, profile: Profile) -> None:
        super().__init__(profile, network.aux_size)
        space = profile.action_space
        self.modes, self.unit_size = len(space.choices) + 1, len(space.low) + len(space.max_angle)
        self.network = network

    def encode(self, image: Tensor) -> Tensor:
        """The network's embedding."""
        return self.network.encode(image)

    def auxiliary(self, embedding: Tensor, state: Tensor) -> Tensor:
        """The network's predictions [B, aux_size]."""
        return self.network.auxiliary(embedding, state)


def make_layers(outputs: int) -> nn.Sequential:
    """From a sum of vectors [..., 128] to `outputs` numbers: two hidden layers."""
    return nn.Sequential(
        nn.ReLU(inplace=True),
        nn.Linear(WIDTH, WIDTH),
        nn.ReLU(inplace=True),
        nn.Linear(WIDTH, WIDTH),
        nn.ReLU(inplace=True),
        nn.Linear(WIDTH, outputs),
    )
