import pytest

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.seeds import derived_seed, torch_seed


def test_a_seed_that_torch_takes_stays_and_any_other_becomes_one():
    assert [torch_seed(seed) for seed in (0, 7, 2**32 - 1)] == [0, 7, 2**32 - 1]
    large = [torch_seed(seed) for seed in (2**32, 2**32 + 1, 2**64, 99999999999999999999, 10**400)]
    assert len(set(large)) == 5
    assert all(0 <= seed < 2**32 for seed in large)


def test_a_seed_below_zero_is_refused():
    with pytest.raises(InvalidInput, match="seed is -1, expected 0 or more"):
        torch_seed(-1)


def test_a_seed_depends_on_every_number_that_it_is_derived_from_and_on_their_order():
    keys = [(0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0), (1, 2, 3), (3, 2, 1)]
    assert len({derived_seed(*key) for key in keys}) == len(keys)
    assert derived_seed(7, 1) == derived_seed(7, 1) and 0 <= derived_seed(7, 1) < 2**32
