"""The paper's network, exact: Kalashnikov et al. 2018, appendix, and "Grasping44" of google-research/tensor2robot."""

import copy
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.profile import Profile
from qtopt_agent.q_functions.base import QFunction

CHANNELS = 64
EPSILON, DECAY = 1e-3, 0.9997
INIT_SIGMA = 0.01


class Grasping44(QFunction):
    """Spatial sizes 472-236-79-27-14-12-10-8; 1,242,817 parameters. Needs the paper profile's inputs.

    Padding is TensorFlow's SAME, which puts an odd pixel after the map: pooling 236 to 79 and 27 to 14 pads one pixel
    behind (ceil_mode), pooling 79 to 27 pads one on each side.

    The first joined convolution is done for picture and vector apart: once an image, and for next to nothing an action.
    Behind it comes a ReLU, so that no other layer can be divided.
    """

    search: ClassVar[Mapping[str, Any]] = {"name": "cma_es", "samples": 8, "iterations": 9}
    """Here what counts is how many actions are scored, not in how many rounds: 72, and less regret than CEM of 128."""

    _rows: Tensor

    def __init__(self, profile: Profile, aux_size: int = 0) -> None:
        if aux_size:
            raise InvalidInput(f"aux_size {aux_size}: the paper's network has no auxiliary output")
        super().__init__(profile)
        if profile.observation.image_size != (472, 472) or self.state_size != 2 or self.action_size != 8:
            raise InvalidInput(f"profile {profile.name!r}: the paper's network takes 472x472 images, 2 state, 8 action")
        self.stem = nn.ModuleList(
            [
                ConvBlock(3, 6, stride=2, padding=2, bias=True, scale=False),
                *(ConvBlock(CHANNELS, 5, padding=2) for _ in range(6)),
            ]
        )
        self.pool_79 = nn.MaxPool2d(3, ceil_mode=True)
        self.pool_27 = nn.MaxPool2d(3, padding=1)
        # The seven blocks of the ten-number vector input, each with a layer of its own.
        self.translation = nn.Linear(3, 256)
        self.rotation = nn.Linear(2, 256)
        self.close = nn.Linear(1, 256)
        self.open = nn.Linear(1, 256)
        self.terminate = nn.Linear(1, 256)
        self.gripper_closed = nn.Linear(1, 256)
        self.height = nn.Linear(1, 256)
        self.vector_norm = batch_norm(256, scale=False)
        self.vector_layer = LinearBlock(256, CHANNELS)
        self.joined = nn.ModuleList([ConvBlock(CHANNELS, 3, padding=1) for _ in range(6)])
        self.register_buffer("_rows", torch.tensor([0, *[1] * 25, 2]), persistent=False)
        self.pool_14 = nn.MaxPool2d(2, ceil_mode=True)
        self.valid = nn.ModuleList([ConvBlock(CHANNELS, 3) for _ in range(3)])
        self.dense = nn.ModuleList([LinearBlock(8 * 8 * CHANNELS, CHANNELS), LinearBlock(CHANNELS, CHANNELS)])
        self.logit = nn.Linear(CHANNELS, 1)
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.trunc_normal_(module.weight, std=INIT_SIGMA, a=-2 * INIT_SIGMA, b=2 * INIT_SIGMA)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def encode(self, image: Tensor) -> Tensor:
        """The picture's part [B, 64, 27, 27] of the first joined convolution, which is the same for every action."""
        x = image.permute(0, 3, 1, 2).to(self._state_scale.dtype) * (1.0 / 255.0)
        for i, block in enumerate(self.stem):
            x = block(x)
            if i == 0:
                x = self.pool_79(x)
        return self.joined[0].layer(self.pool_27(x))  # type: ignore[operator]

    def evaluate(self, embedding: Tensor, state: Tensor, actions: Tensor) -> Tensor:
        """Logits [B, N]: each sample is a 27x27 map of its own from here on."""
        batch, samples = actions.shape[0], actions.shape[1]
        x = self._joined_maps(embedding, self.embed_vector(state, actions))
        # In pieces small enough for the cache, except where batch norm must see the whole batch.
        piece = x.shape[0] if self.training else 64
        logits = torch.cat([self._score(part) for part in x.split(piece)])
        return logits.view(batch, samples).float()

    def _joined_maps(self, embedding: Tensor, vector: Tensor) -> Tensor:
        """The first joined convolution [B * N, 64, 27, 27] of picture and vector [B, N, 64], before its batch norm.

        The maps lie as NHWC does, so that they are channels_last.
        """
        cases = self.joined[0].of_constant(vector.flatten(0, 1))  # type: ignore[operator]
        columns = cases[:, self._rows].unflatten(0, [vector.shape[0], vector.shape[1]])
        picture = embedding.permute(0, 2, 3, 1).unsqueeze(1)
        maps = picture + columns[:, :, :, 1:2]
        maps[:, :, :, 0] = picture[:, :, :, 0] + columns[:, :, :, 0]
        maps[:, :, :, -1] = picture[:, :, :, -1] + columns[:, :, :, -1]
        return maps.flatten(0, 1).permute(0, 3, 1, 2)

    def _score(self, x: Tensor) -> Tensor:
        """Logits [M, 1] of maps as `_joined_maps` makes them."""
        for i, block in enumerate(self.joined):
            x = F.relu(block.norm(x)) if i == 0 else block(x)  # type: ignore[operator]
        x = self.pool_14(x)
        for block in self.valid:
            x = block(x)
        x = x.permute(0, 2, 3, 1).flatten(1)
        for block in self.dense:
            x = block(x)
        return self.logit(x)

    def embed_vector(self, state: Tensor, actions: Tensor) -> Tensor:
        """Embedding [B, N, 64] of the ten-number vector input."""
        s, a = self._scaled_state(state), self._scaled_actions(actions)
        total = self.translation(a[..., :3]) + self.rotation(a[..., 3:5])
        total = total + self.close(a[..., 5:6]) + self.open(a[..., 6:7]) + self.terminate(a[..., 7:8])
        total = total + (self.gripper_closed(s[..., :1]) + self.height(s[..., 1:])).unsqueeze(1)
        flat = self.vector_layer(torch.relu(self.vector_norm(total.flatten(0, 1))))
        return flat.view(actions.shape[0], actions.shape[1], -1)


class ConvBlock(nn.Module):
    """Convolution to 64 channels, batch norm, ReLU."""

    def __init__(
        self, inputs: int, kernel: int, *, stride: int = 1, padding: int = 0, bias: bool = False, scale: bool = True
    ) -> None:
        super().__init__()
        self.layer = nn.Conv2d(inputs, CHANNELS, kernel, stride, padding, bias=bias)
        self.norm: nn.Module = batch_norm(CHANNELS, scale, nn.BatchNorm2d)

    def forward(self, x: Tensor) -> Tensor:
        """Maps [B, inputs, H, W] to [B, 64, H', W']."""
        return F.relu(self.norm(self.layer(x)))

    def of_constant(self, vector: Tensor) -> Tensor:
        """What the convolution, but for its bias, makes of vectors [M, inputs] that are the same on every pixel.

        That depends on the padding that a pixel sees, and a map of 3x3 pixels has all nine cases: [M, 3, 3, 64].
        """
        constant = vector[:, None, None, :].expand(-1, 3, 3, -1).permute(0, 3, 1, 2)
        return F.conv2d(constant, self.layer.weight, padding=self.layer.padding).permute(0, 2, 3, 1)

    def fuse(self) -> None:
        """Fold the batch norm into the convolution, for inference only."""
        if isinstance(self.norm, nn.BatchNorm2d):
            self.layer = fuse_conv_bn_eval(self.layer, self.norm)
            self.norm = nn.Identity()


class LinearBlock(nn.Module):
    """Fully connected layer without bias, batch norm, ReLU, on [M, inputs]."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.layer = nn.Linear(inputs, outputs, bias=False)
        self.norm: nn.Module = batch_norm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Maps [M, inputs] to [M, outputs]."""
        return F.relu(self.norm(self.layer(x)))

    def fuse(self) -> None:
        """Fold the batch norm into the layer, for inference only."""
        if isinstance(self.norm, nn.BatchNorm1d):
            self.layer = fuse_linear_bn_eval(self.layer, self.norm)
            self.norm = nn.Identity()


def fuse_batch_norm(q: QFunction) -> QFunction:
    """A copy of `q` for inference, its batch norms folded into the layers before them: the same numbers, sooner."""
    fused = copy.deepcopy(q).eval()
    for module in fused.modules():
        if isinstance(module, (ConvBlock, LinearBlock)):
            module.fuse()
    return fused


def batch_norm(
    features: int, scale: bool = True, kind: type[nn.BatchNorm1d] | type[nn.BatchNorm2d] = nn.BatchNorm1d
) -> nn.BatchNorm1d | nn.BatchNorm2d:
    """Batch norm with the paper's constants; `scale=False` leaves only the shift to learn."""
    norm = kind(features, eps=EPSILON, momentum=1 - DECAY)
    if not scale:
        del norm.weight
        norm.register_buffer("weight", torch.ones(features), persistent=False)
    return norm
