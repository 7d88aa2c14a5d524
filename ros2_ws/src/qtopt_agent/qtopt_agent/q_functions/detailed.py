"""The compact network for images of 64 px: it sees twice as finely, and learns to tell objects from all else."""

import torch
from torch import Tensor, nn

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.observation import MASK_SIZE
from qtopt_agent.q_functions.compact import CompactQFunction
from qtopt_agent.q_functions.network import WIDTH


class DetailedQFunction(CompactQFunction):
    """The first layer strides over four pixels, so that four times as many take little longer.

    It also says which parts of the picture show objects: where textures, lights and colours vary, what tells them apart
    is found sooner when it is asked for everywhere.
    """

    mask_size = MASK_SIZE

    def _add_image_layers(self, height: int, width: int) -> None:
        if (height, width) != (64, 64):
            raise InvalidInput(f"image size {height}x{width}: the detailed network takes 64x64 pixels")
        self.convolutions = nn.Sequential(
            nn.Conv2d(3, 32, 6, stride=4, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(32, 64, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(64, 64, 3, padding=1),
            nn.ReLU(inplace=True),
        )
        self.last = nn.Sequential(nn.Conv2d(64, 64, 3, stride=2, padding=1), nn.ReLU(inplace=True))
        self.last.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.image_layer = nn.Linear(64 * 4 * 4, WIDTH)
        self.mask_layer = nn.Conv2d(64, 1, 1)

    def encode_with_mask(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Image vector [B, 128], and logits [B, 8, 8] from the maps that it is made of."""
        maps = self._maps(image)
        return self._vector(maps), self.mask_layer(maps)[:, 0].float()

    def _vector(self, maps: Tensor) -> Tensor:
        return self.image_layer(self.last(maps).permute(0, 2, 3, 1).flatten(1))
