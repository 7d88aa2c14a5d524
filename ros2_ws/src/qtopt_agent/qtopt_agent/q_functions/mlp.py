"""A Q-function without a camera, for profiles whose state holds everything."""

import torch
from torch import Tensor, nn

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.profile import Profile
from qtopt_agent.q_functions.base import QFunction, make_head

WIDTH = 128


class MlpQFunction(QFunction):
    """Three hidden layers of 128 over state and action; the state's share of the first layer is computed once."""

    def __init__(self, profile: Profile, aux_size: int = 0) -> None:
        if aux_size:
            raise InvalidInput(f"aux_size {aux_size}: a network without a camera has no auxiliary output")
        super().__init__(profile)
        self.state_layer = nn.Linear(self.state_size, WIDTH)
        self.action_layer = nn.Linear(self.action_size, WIDTH, bias=False)
        self.head = make_head(WIDTH)

    def encode(self, image: Tensor) -> Tensor:
        """Nothing, [B, 0]."""
        return torch.zeros([image.shape[0], 0], device=image.device)

    def evaluate(self, embedding: Tensor, state: Tensor, actions: Tensor) -> Tensor:
        """Logits [B, N]; `embedding` is not used."""
        context = self.state_layer(self._scaled_state(state)).unsqueeze(1)
        return self.head(context + self.action_layer(self._scaled_actions(actions))).squeeze(-1).float()
