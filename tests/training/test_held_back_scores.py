"""Which of two models foretells the same attempts better, and whether that may be luck."""

import numpy as np
import pytest

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.training.held_back_scores import Foretold, log_loss, ranking


def attempts(skill: float, number: int = 60, seed: int = 0) -> list[Foretold]:
    """Of the same outcomes, whatever `skill`: how much of Q is the truth rather than chance."""
    outcomes, rng = np.random.default_rng(seed), np.random.default_rng([seed, int(1000 * skill)])
    made = []
    for _ in range(number):
        steps, success = int(outcomes.integers(3, 20)), bool(outcomes.random() < 0.6)
        truth = np.full(steps, 0.9 if success else 0.1)
        made.append(Foretold(skill * truth + (1 - skill) * rng.random(steps), np.full(steps, float(success)), success))
    return made


def test_the_loss_is_the_cross_entropy_of_q_and_what_was_earned_each_attempt_counting_alike():
    one = Foretold(np.array([0.5, 0.5, 0.5]), np.array([0.9, 0.95, 1.0]), True)
    two = Foretold(np.array([0.2]), np.array([0.0]), False)
    assert log_loss([one, two], [one, two]).candidate == pytest.approx((np.log(2) - np.log(0.8)) / 2)


@pytest.mark.parametrize("measure", [log_loss, ranking])
def test_a_better_model_is_found_better_with_certainty_and_a_worse_one_is_not(measure):
    found = measure(attempts(0.2), attempts(0.8))
    assert 0 < found.low < found.better
    assert measure(attempts(0.8), attempts(0.2)).low < measure(attempts(0.8), attempts(0.2)).better < 0


@pytest.mark.parametrize("measure", [log_loss, ranking])
def test_a_model_is_no_better_than_itself(measure):
    found = measure(attempts(0.5), attempts(0.5))
    assert found.better == found.low == 0 and found.incumbent == found.candidate


def test_the_bound_is_rarely_above_nothing_where_neither_is_better():
    wins = sum(log_loss(attempts(0.5, 40, seed), attempts(0.501, 40, seed)).low > 0.01 for seed in range(60))
    assert wins <= 8


def test_the_ranking_is_the_share_of_pairs_in_the_right_order_and_half_of_those_that_are_equal():
    good = Foretold(np.array([0.9, 0.4]), np.ones(2), True)
    bad = [Foretold(np.array([q]), np.zeros(1), False) for q in (0.4, 0.1)]
    found = ranking([good, *bad], [good, *bad])
    assert found.candidate == pytest.approx((1 + 1 + 0.5 + 1) / 4)


def test_outcomes_of_one_kind_cannot_be_ranked_and_no_attempts_not_be_compared():
    with pytest.raises(InvalidInput, match="all attempts succeeded, or all failed"):
        ranking([Foretold(np.ones(2), np.ones(2), True)] * 3, [Foretold(np.ones(2), np.ones(2), True)] * 3)
    with pytest.raises(InvalidInput, match="no attempts"):
        log_loss([], [])
