"""DDPG: an actor learns where the critic is highest, so that nothing is searched."""

import torch
from torch import Tensor, nn

from qtopt_agent.core.profile import Profile
from qtopt_agent.q_functions.network import WIDTH, ContextNetwork, NetworkQFunction

FINAL_INIT = 3e-3


class ActorCriticQFunction(NetworkQFunction):
    """The network is the critic; a second one, the actor, proposes an action (Lillicrap et al. 2016).

    Where actions have modes the actor gives coordinates for each of them and the critic chooses among the K proposals
    (P-DQN, Xiong et al. 2018). The actor reads the image vector but does not train it, as its gradient would pull the
    convolutions towards whatever makes Q large.
    """

    kind = "actor_critic"
    proposes = True

    def __init__(self, network: ContextNetwork, profile: Profile) -> None:
        super().__init__(network, profile)
        last = nn.Linear(WIDTH, self.modes * self.unit_size)
        # Starts in the middle of the range, where tanh has a slope (Lillicrap et al. 2016, section 7).
        nn.init.uniform_(last.weight, -FINAL_INIT, FINAL_INIT)
        nn.init.zeros_(last.bias)
        self.actor = nn.Sequential(
            nn.Linear(network.embedding_size + self.state_size, WIDTH),
            nn.ReLU(inplace=True),
            nn.Linear(WIDTH, WIDTH),
            nn.ReLU(inplace=True),
            last,
            nn.Tanh(),
        )

    def evaluate(self, embedding: Tensor, state: Tensor, actions: Tensor) -> Tensor:
        """The critic's logits [B, N]."""
        return self.network.evaluate(embedding, state, actions)

    def propose(self, embedding: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """The actor's action for each mode: unit coordinates float32 [B, K, D] and int64 [B, K]."""
        scaled = self._scaled_state(state)
        unit = self.actor(torch.cat([embedding.detach().to(scaled.dtype), scaled], 1)).float()
        choice = torch.arange(self.modes, device=state.device).expand(state.shape[0], -1)
        return unit.unflatten(1, [self.modes, self.unit_size]), choice

    def actor_parameters(self) -> list[nn.Parameter]:
        """What the deterministic policy gradient trains."""
        return list(self.actor.parameters())

    def critic_parameters(self) -> list[nn.Parameter]:
        """What the Bellman loss trains."""
        return list(self.network.parameters())
