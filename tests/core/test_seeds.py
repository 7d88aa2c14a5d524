import pytest

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.seeds import torch_seed


def test_a_seed_that_torch_takes_stays_and_any_other_becomes_one():
    assert [torch_seed(seed) for seed in (0, 7, 2**32 - 1)] == [0, 7, 2**32 - 1]
    large = [torch_seed(seed) for seed in (2**32, 2**32 + 1, 2**64, 99999999999999999999, 10**400)]
    assert len(set(large)) == 5
    assert all(0 <= seed < 2**32 for seed in large)


def test_a_seed_below_zero_is_refused():
    with pytest.raises(InvalidInput, match="seed is -1, expected 0 or more"):
        torch_seed(-1)
