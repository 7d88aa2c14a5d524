"""What a network consists of: every layer with its output shape and parameter count."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from qtopt_agent.core.profile import Profile
from qtopt_agent.q_functions.base import QFunction


@dataclass(frozen=True)
class Layer:
    """One layer in the order of computation. `shape` is (height, width, channels) of a map or (length,) of a vector."""

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int


def describe(q: QFunction, profile: Profile) -> list[Layer]:
    """The layers that one image, one state and one action pass through; the auxiliary output is not among them."""
    layers: list[Layer] = []

    def record(name: str, module: nn.Module, output: Tensor) -> None:
        c_first = output.shape[1:]
        shape = (*c_first[1:], c_first[0]) if output.dim() == 4 else output.shape[-1:]
        count = sum(p.numel() for p in module.parameters())
        layers.append(Layer(name, type(module).__name__, tuple(shape), count))

    hooks = [
        module.register_forward_hook(lambda m, _, out, name=name: record(name, m, out))
        for name, module in q.named_modules()
        if not any(module.children())
    ]
    was_training = q.training
    q.eval()
    observation = profile.observation
    with torch.no_grad():
        q(
            torch.zeros([1, *observation.image_size, 3], dtype=torch.uint8),
            torch.zeros([1, observation.state_size]),
            torch.zeros([1, 1, profile.action_space.size]),
        )
    q.train(was_training)
    for hook in hooks:
        hook.remove()
    return layers
