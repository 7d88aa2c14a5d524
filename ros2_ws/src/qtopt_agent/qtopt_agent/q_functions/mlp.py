"""A Q-function without a camera, for profiles whose state holds everything."""

import torch
from torch import Tensor, nn

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.profile import Profile
from qtopt_agent.q_functions.network import WIDTH, ContextNetwork


class MlpQFunction(ContextNetwork):
    """Three hidden layers of 128 over state and action; the state's share of the first layer is computed once."""

    def __init__(self, profile: Profile, aux_size: int = 0) -> None:
        if aux_size:
            raise InvalidInput(f"aux_size {aux_size}: a network without a camera has no auxiliary output")
        super().__init__(profile)
        self.embedding_size = 0
        self.state_layer = nn.Linear(self.state_size, WIDTH)
        self.add_head()

    def encode(self, image: Tensor) -> Tensor:
        """Nothing, [B, 0]."""
        return torch.zeros([image.shape[0], 0], device=image.device)

    def context(self, embedding: Tensor, state: Tensor) -> Tensor:
        """Context [B, 128]; `embedding` is not used."""
        return self.state_layer(self._scaled_state(state))
