"""Attempts by two models in turn end as soon as it is clear which is better, and rarely in a mistake."""

from collections import Counter

import numpy as np
import pytest

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.models.alternation import CANDIDATE, INCUMBENT, Alternation, Verdict, evidence


def run(seed: int, incumbent: float, candidate: float, pairs: int = 200) -> tuple[Verdict, int]:
    """The verdict on two success rates, and the number of attempts that it took."""
    trial, rng, outcomes = Alternation(seed, pairs), np.random.default_rng(seed), []
    rates = {INCUMBENT: incumbent, CANDIDATE: candidate}
    while (found := trial.verdict(outcomes)) == Verdict.GO_ON:
        outcomes.append(bool(rng.random() < rates[trial.whose(len(outcomes))]))
    return found, len(outcomes)


def test_evidence_is_the_mean_likelihood_ratio():
    p = (np.arange(100_000) + 0.5) / 200_000 + 0.5
    for gained, lost in ((0, 0), (1, 0), (7, 2), (3, 9)):
        expected = np.mean(p**gained * (1 - p) ** lost) * 2 ** (gained + lost)
        assert evidence(gained, lost) == pytest.approx(expected, rel=1e-6)


def test_each_pair_has_one_attempt_by_either_in_an_order_that_is_drawn():
    trial = Alternation(3)
    order = [trial.whose(number) for number in range(400)]
    assert all(set(order[i : i + 2]) == {INCUMBENT, CANDIDATE} for i in range(0, 400, 2))
    assert 70 < sum(order[::2]) < 130
    assert order == [Alternation(3).whose(number) for number in range(400)]


def test_of_equal_models_one_is_called_better_no_more_often_than_stated():
    verdicts = Counter(run(seed, 0.7, 0.7, pairs=40)[0] for seed in range(200))
    most = 200 * 0.05 + 3 * (200 * 0.05 * 0.95) ** 0.5
    assert verdicts[Verdict.BETTER] <= most and verdicts[Verdict.WORSE] <= most
    assert verdicts[Verdict.UNDECIDED] > 150


def test_a_clearly_better_or_worse_model_is_known_after_a_few_dozen_attempts():
    better, worse = [run(seed, 0.5, 0.95) for seed in range(30)], [run(seed, 0.95, 0.5) for seed in range(30)]
    assert all(found == Verdict.BETTER for found, _ in better) and all(found == Verdict.WORSE for found, _ in worse)
    assert np.median([attempts for _, attempts in better + worse]) < 60


def test_half_a_pair_says_nothing_yet_and_the_incumbent_stays_when_the_pairs_are_used_up():
    trial = Alternation(0, pairs=2)
    assert trial.verdict([]) == trial.verdict([True]) == trial.verdict([True] * 3) == Verdict.GO_ON
    assert trial.verdict([True] * 4) == Verdict.UNDECIDED


@pytest.mark.parametrize(("pairs", "error"), [(0, 0.05), (10, 0.0), (10, 0.5), (10, float("nan"))])
def test_settings_that_make_no_sense_are_refused(pairs, error):
    with pytest.raises(InvalidInput, match="pairs"):
        Alternation(0, pairs, error)
