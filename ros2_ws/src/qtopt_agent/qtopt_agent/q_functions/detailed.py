"""The compact network for images of 64 px: it sees twice as finely, and learns to tell objects from all else."""

import torch
from torch import Tensor, nn

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.observation import MASK_SIZE
from qtopt_agent.core.profile import Profile
from qtopt_agent.q_functions.compact import CompactQFunction
from qtopt_agent.q_functions.network import WIDTH


class DetailedQFunction(CompactQFunction):
    """The first layer strides over four pixels, so that four times as many take little longer.

    It also says which parts of the picture show objects: where textures, lights and colours vary, what tells them apart
    is found sooner when it is asked for everywhere.
    """

    mask_size = MASK_SIZE

    def __init__(self, profile: Profile, aux_size: int = 0) -> None:
        super().__init__(profile, aux_size)
        if profile.observation.image_size != (64, 64):
            raise InvalidInput(
                f"image size {profile.observation.image_size}: the detailed network takes 64 by 64 pixels"
            )
        self.convolutions = nn.Sequential(
            nn.Conv2d(3, 32, 6, stride=4, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(32, 64, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(64, 64, 3, padding=1),
            nn.ReLU(inplace=True),
        )
        self.last = nn.Sequential(nn.Conv2d(64, 64, 3, stride=2, padding=1), nn.ReLU(inplace=True))
        for layers in (self.convolutions, self.last):
            layers.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.image_layer = nn.Linear(64 * 4 * 4, WIDTH)
        self.mask_layer = nn.Conv2d(64, 1, 1)

    def embed(self, features: Tensor) -> Tensor:
        """Image vector [B, 128] of maps [B, 64, 8, 8]."""
        return self.image_layer(self.last(features).permute(0, 2, 3, 1).flatten(1))

    def mask(self, features: Tensor) -> Tensor:
        """Logits [B, 8, 8]."""
        return self.mask_layer(features)[:, 0].float()
