"""Seeds that are made of others."""

import numpy as np

from qtopt_agent.core.errors import InvalidInput


def torch_seed(seed: int) -> int:
    """A seed for torch, whose generator on the CPU uses 32 bits of it: `seed` itself where it has no more.

    Raises InvalidInput where `seed` is below 0.
    """
    if seed < 0:
        raise InvalidInput(f"seed is {seed}, expected 0 or more")
    return seed if seed < 2**32 else int(np.random.SeedSequence(seed).generate_state(1)[0])


def derived_seed(*key: int) -> int:
    """A seed of 32 bits that `key`, numbers from 0, stands for: another one of as many all but surely has another."""
    return int(np.random.SeedSequence(key).generate_state(1)[0])
