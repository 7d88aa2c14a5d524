import numpy as np

from qtopt_agent.learning.handover import PROBE_SHARE, is_better, learned_is_next


def outcomes(successes: int, episodes: int = 100) -> list[bool]:
    return [True] * successes + [False] * (episodes - successes)


def share_learned(mode: str, number: int, scripted: list[bool], learned: list[bool]) -> float:
    rng = np.random.default_rng(0)
    return float(np.mean([learned_is_next(mode, number, 1000, scripted, learned, rng) for _ in range(2000)]))


def test_by_count_the_learned_policy_comes_after_so_many_episodes_however_good_it_is():
    assert share_learned("count", 999, outcomes(10), outcomes(90)) == 0
    assert share_learned("count", 1000, outcomes(90), outcomes(10)) == 1


def test_a_better_learned_policy_takes_over_and_one_that_is_not_only_has_its_tries():
    assert share_learned("better", 500, outcomes(30), outcomes(60)) == 1
    for scripted, learned in [(30, 30), (30, 10), (60, 62), (0, 0)]:
        assert abs(share_learned("better", 500, outcomes(scripted), outcomes(learned)) - PROBE_SHARE) < 0.02


def test_a_learned_policy_that_gets_worse_hands_back():
    rng = np.random.default_rng(0)
    taken = [learned_is_next("better", 5, 1000, outcomes(40), outcomes(90 - 5 * i), rng) for i in range(16)]
    assert all(taken[:9]) and not all(taken[9:])


def test_it_learns_by_count_at_the_latest():
    assert share_learned("better", 1000, outcomes(90), outcomes(10)) == 1


def test_a_few_lucky_episodes_do_not_hand_over():
    assert not is_better(outcomes(10, 10), outcomes(30))
    assert not is_better(outcomes(90), outcomes(1, 10))
    assert is_better(outcomes(50, 50), outcomes(40, 50))


def test_a_bare_lead_within_its_error_is_not_better():
    # 44 of 100 has a standard error of 0.05.
    assert not is_better(outcomes(44), outcomes(40))
    assert is_better(outcomes(46), outcomes(40))


def test_the_same_seed_gives_the_same_handover():
    runs = [
        [learned_is_next("better", i, 100, outcomes(50), [], rng) for i in range(100)]
        for rng in (np.random.default_rng(3), np.random.default_rng(3))
    ]
    assert runs[0] == runs[1] and 0 < sum(runs[0]) < 30
