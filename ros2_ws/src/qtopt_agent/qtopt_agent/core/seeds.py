"""Seeds of any size, for generators that take small ones only."""

import numpy as np

from qtopt_agent.core.errors import InvalidInput


def torch_seed(seed: int) -> int:
    """A seed for torch, whose generator on the CPU uses 32 bits of it: `seed` itself where it has no more.

    Raises InvalidInput where `seed` is below 0.
    """
    if seed < 0:
        raise InvalidInput(f"seed is {seed}, expected 0 or more")
    return seed if seed < 2**32 else int(np.random.SeedSequence(seed).generate_state(1)[0])
