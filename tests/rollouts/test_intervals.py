"""Wilson's interval: published values, and what any interval must obey."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.rollouts.intervals import paired_difference, wilson


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        # Newcombe 1998, Statistics in Medicine 17, table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_interval_has_the_published_values(successes, trials, low, high):
    assert wilson(successes, trials) == pytest.approx((low, high), abs=6e-5)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_observed_rate_and_stays_in_0_to_1(counts):
    successes, trials = counts
    low, high = wilson(successes, trials)
    assert 0 <= low <= successes / trials + 1e-12
    assert successes / trials - 1e-12 <= high <= 1


def test_more_trials_make_it_narrower():
    few, many = wilson(9, 10), wilson(900, 1000)
    assert many[1] - many[0] < few[1] - few[0]


@pytest.mark.parametrize(("successes", "trials"), [(0, 0), (-1, 5), (6, 5)])
def test_impossible_counts_are_refused(successes, trials):
    with pytest.raises(InvalidInput, match=f"{successes} successes of {trials}"):
        wilson(successes, trials)


def test_the_paired_bound_counts_only_grasps_that_one_of_both_failed():
    both = [True] * 180 + [False] * 20
    better, low = paired_difference(both, both)
    assert better == 0 and -0.02 < low < 0
    worse = [not each if i < 20 else each for i, each in enumerate(both)]
    assert paired_difference(both, worse)[0] == pytest.approx(-0.1)
    assert -0.16 < paired_difference(both, worse)[1] < -0.1
    assert 0 < paired_difference(worse, both)[1] < 0.1


def test_few_pairs_are_less_sure_than_many():
    assert paired_difference([True], [True])[1] < paired_difference([True] * 10, [True] * 10)[1] < 0
    with pytest.raises(InvalidInput, match="as many of both"):
        paired_difference([True], [])
