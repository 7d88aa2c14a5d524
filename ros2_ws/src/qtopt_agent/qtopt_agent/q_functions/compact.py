"""The default network: small images, one millisecond a decision on one core."""

import torch
from torch import Tensor, nn

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.profile import Profile
from qtopt_agent.q_functions.network import WIDTH, ContextNetwork


class CompactQFunction(ContextNetwork):
    """Three strided convolutions, then fully connected layers; state and action join as added vectors.

    The action is added after the image, as in Kalashnikov et al. 2018 (appendix), but to a vector and not to a map.
    The auxiliary output reads the fused image and state features, so its loss trains the convolutions.
    """

    def __init__(self, profile: Profile, aux_size: int = 0) -> None:
        super().__init__(profile, aux_size)
        self.embedding_size = WIDTH
        self._add_image_layers(*profile.observation.image_size)
        self.convolutions.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.state_layer = nn.Linear(self.state_size, WIDTH)
        self.fused_layer = nn.Linear(WIDTH, WIDTH)
        self.fused_to_head = nn.Linear(WIDTH, WIDTH)
        self.add_head()
        self.auxiliary_head = nn.Linear(WIDTH, aux_size) if aux_size else None

    def _add_image_layers(self, height: int, width: int) -> None:
        if not (32 <= height <= 96 and 32 <= width <= 96):
            raise InvalidInput(f"image size {height}x{width}: the compact network takes 32 to 96 pixels a side")
        self.convolutions = nn.Sequential(
            nn.Conv2d(3, 32, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(32, 64, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(64, 64, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
        )
        cells = -(-height // 8) * -(-width // 8)
        self.image_layer = nn.Linear(64 * cells, WIDTH)

    def encode(self, image: Tensor) -> Tensor:
        """Image vector [B, 128]."""
        return self._vector(self._maps(image))

    def _maps(self, image: Tensor) -> Tensor:
        pixels = image.permute(0, 3, 1, 2).to(self._state_scale.dtype).mul_(2.0 / 255.0).sub_(1.0)
        return self.convolutions(pixels)

    def _vector(self, maps: Tensor) -> Tensor:
        # NHWC order is how channels_last memory already lies: flattening copies nothing.
        return self.image_layer(maps.permute(0, 2, 3, 1).flatten(1))

    def context(self, embedding: Tensor, state: Tensor) -> Tensor:
        """Context [B, 128]."""
        return self.fused_to_head(self._fused(embedding, state))

    def auxiliary(self, embedding: Tensor, state: Tensor) -> Tensor:
        """Predictions [B, aux_size]. Raises InvalidInput where aux_size is 0."""
        if self.auxiliary_head is None:
            raise InvalidInput("this network was made with aux_size=0 and has no auxiliary output")
        return self.auxiliary_head(self._fused(embedding, state)).float()

    def _fused(self, embedding: Tensor, state: Tensor) -> Tensor:
        joined = torch.relu(embedding + self.state_layer(self._scaled_state(state)))
        return torch.relu(self.fused_layer(joined))
