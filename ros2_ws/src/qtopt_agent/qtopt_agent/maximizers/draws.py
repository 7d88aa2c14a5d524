"""Random numbers for the states of a batch: all from one generator, or from one for each state."""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor


class Generators(torch.Generator):
    """Stands where a maximiser takes one generator: each state of a batch then draws what it would draw alone."""

    def __new__(cls, seeds: Sequence[int]) -> "Generators":
        """Without the seeds, which torch's own would take for a device."""
        return super().__new__(cls)

    def __init__(self, seeds: Sequence[int]) -> None:
        """One seed, 0 .. 2^32 - 1, for each state."""
        self.each = [torch.Generator().manual_seed(seed) for seed in seeds]


def normal(shape: list[int], generator: torch.Generator) -> Tensor:
    """Standard normal float32 [B, ...] for B states."""
    if torch.jit.is_scripting():  # type: ignore[attr-defined]
        return torch.randn(shape, generator=generator)
    else:  # TorchScript leaves this branch out, and compiles whatever is not in one
        return _drawn(torch.randn, shape, generator)


def uniform(shape: list[int], generator: torch.Generator) -> Tensor:
    """Uniform float32 [B, ...] in 0..1 for B states."""
    if torch.jit.is_scripting():  # type: ignore[attr-defined]
        return torch.rand(shape, generator=generator)
    else:
        return _drawn(torch.rand, shape, generator)


def integers(high: int, shape: list[int], generator: torch.Generator) -> Tensor:
    """Uniform int64 [B, ...] in 0..high - 1 for B states."""
    if torch.jit.is_scripting():  # type: ignore[attr-defined]
        return torch.randint(high, shape, generator=generator)
    else:
        return _drawn(partial(torch.randint, high), shape, generator)


def _drawn(draw: Callable[..., Tensor], shape: list[int], generator: torch.Generator) -> Tensor:
    if isinstance(generator, Generators):
        return torch.cat([draw([1, *shape[1:]], generator=one) for one in generator.each])
    return draw(shape, generator=generator)
