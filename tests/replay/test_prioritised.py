import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtopt_agent.core.episode import Episode, Step
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.observation import Observation
from qtopt_agent.replay.prioritised import PrioritisedSampler
from qtopt_agent.replay.spec import StoreSpec
from qtopt_agent.replay.store import TransitionStore
from qtopt_agent.replay.sum_tree import SumTree

SPEC = StoreSpec(capacity=64, image_size=(0, 0), state_size=2, action_size=1, privileged_size=0, discount=0.9)
EXPONENT = 0.6


def episode(number: int, steps: int) -> Episode:
    def seen(t: int) -> Observation:
        return Observation(np.zeros((0, 0, 3), np.uint8), np.array([number, t], np.float32), 0.0)

    action = np.zeros(1, np.float32)
    return Episode(
        f"e{number}", tuple(Step(seen(t), action, action, 0.0, t == steps - 1) for t in range(steps)), seen(steps), True
    )


def make(folder, lengths=(9, 9, 9)) -> tuple[TransitionStore, PrioritisedSampler]:
    store = TransitionStore(folder / "store", SPEC)
    sampler = PrioritisedSampler(store, EXPONENT)
    for number, steps in enumerate(lengths):
        store.append(episode(number, steps))
    return store, sampler


def assert_drawn_as_expected(counts: np.ndarray, probability: np.ndarray) -> None:
    """Pearson's chi-square test; four standard deviations above the mean is beyond its 99.9 % quantile."""
    expected = counts.sum() * probability
    assert counts[expected == 0].sum() == 0
    possible = expected > 0
    statistic = ((counts - expected)[possible] ** 2 / expected[possible]).sum()
    freedom = possible.sum() - 1
    assert statistic < freedom + 4 * (2 * freedom) ** 0.5


def set_errors(store: TransitionStore, sampler: PrioritisedSampler, errors: np.ndarray) -> None:
    sampler.update(store.gather(store.rows()), errors.astype(np.float32))


def counts_of(sampler: PrioritisedSampler, size: int, draws: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows = np.concatenate([sampler.sample(size, rng, 0.5).rows for _ in range(draws)])
    return np.bincount(rows, minlength=SPEC.capacity)


@pytest.mark.parametrize(("size", "draws"), [(1, 10_000), (32, 1_000)])
def test_transitions_are_drawn_in_proportion_to_their_error_to_the_exponent(tmp_path, size, draws):
    store, sampler = make(tmp_path)
    errors = np.random.default_rng(1).random(len(store.rows()))
    set_errors(store, sampler, errors)
    wanted = np.zeros(SPEC.capacity)
    wanted[store.rows()] = (errors + sampler.MIN_ERROR) ** EXPONENT
    assert_drawn_as_expected(counts_of(sampler, size, draws), wanted / wanted.sum())


def test_the_distribution_is_right_after_any_number_of_updates_and_overwritten_episodes(tmp_path):
    store, sampler = make(tmp_path)
    rng = np.random.default_rng(2)
    priority: dict[tuple[float, float], float] = {}  # by episode and step
    highest = 1.0
    for number in range(3, 120):
        store.append(episode(number, int(rng.integers(1, 20))))
        held = [tuple(state) for state in store.gather(store.rows()).state]
        priority = {key: priority.get(key, highest) for key in held}
        batch = sampler.sample(8, rng, 0.4)
        errors = (3 * rng.random(8) ** 4).astype(np.float32)
        sampler.update(batch, errors)
        for key, error in zip(map(tuple, batch.state), errors, strict=True):
            priority[key] = (float(error) + sampler.MIN_ERROR) ** EXPONENT
            highest = max(highest, priority[key])
    rows = store.rows()
    wanted = np.zeros(SPEC.capacity)
    wanted[rows] = [priority[tuple(state)] for state in store.gather(rows).state]
    np.testing.assert_allclose(sampler.probability(np.arange(SPEC.capacity)), wanted / wanted.sum(), rtol=1e-5)
    assert_drawn_as_expected(counts_of(sampler, 16, 2_000), wanted / wanted.sum())


def test_forgotten_transitions_are_never_drawn(tmp_path):
    store, sampler = make(tmp_path)
    rng = np.random.default_rng(3)
    for number in range(3, 60):
        store.append(episode(number, int(rng.integers(1, 30))))
        batch = sampler.sample(200, rng, 1.0)
        assert np.isin(batch.rows, store.rows()).all()
        assert (batch.state[:, 0] > number - store.episodes_held).all()
        sampler.update(batch, rng.random(200).astype(np.float32))


def test_an_update_of_an_overwritten_transition_changes_nothing(tmp_path):
    store, sampler = make(tmp_path)
    batch = sampler.sample(64, np.random.default_rng(0), 0.4)
    for number in range(3, 9):
        store.append(episode(number, 9))  # in the place of 0, 1 and 2
    before = sampler.probability(np.arange(SPEC.capacity))
    sampler.update(batch, np.full(64, 50, np.float32))
    np.testing.assert_array_equal(sampler.probability(np.arange(SPEC.capacity)), before)
    store.append(episode(9, 3))
    np.testing.assert_allclose(sampler.probability(store.rows()), 1 / store.transitions())  # nor what new ones get


def test_new_transitions_get_the_highest_priority_yet(tmp_path):
    store, sampler = make(tmp_path)
    set_errors(store, sampler, np.linspace(0, 7, 27))
    store.append(episode(3, 5))
    chances = sampler.probability(store.rows())
    np.testing.assert_allclose(chances[-5:], chances[:27].max())


def test_weights_are_those_of_the_paper(tmp_path):
    store, sampler = make(tmp_path)
    set_errors(store, sampler, np.linspace(0, 1, 27))
    batch = sampler.sample(40, np.random.default_rng(0), 0.7)
    errors = np.linspace(0, 1, 27)[np.searchsorted(store.rows(), batch.rows)]
    total = ((np.linspace(0, 1, 27) + 1e-3) ** EXPONENT).sum()
    weight = (1 / 27 / ((errors + 1e-3) ** EXPONENT / total)) ** 0.7
    np.testing.assert_allclose(batch.weight, weight / weight.max(), rtol=1e-5)
    assert sampler.sample(40, np.random.default_rng(0), 0.0).weight == pytest.approx(1)


def test_a_reopened_store_starts_with_equal_priorities(tmp_path):
    store, sampler = make(tmp_path)
    for number in range(3, 10):
        store.append(episode(number, 10))
    set_errors(store, sampler, np.linspace(0, 1, len(store.rows())))
    again = TransitionStore(tmp_path / "store", SPEC)
    sampler = PrioritisedSampler(again, EXPONENT)
    chances = sampler.probability(np.arange(SPEC.capacity))
    np.testing.assert_array_equal(np.flatnonzero(chances), np.sort(again.rows()))
    assert len(np.unique(chances[again.rows()])) == 1


def test_the_same_seed_gives_the_same_batch_of_n_steps(tmp_path):
    _, sampler = make(tmp_path)
    one, two = (sampler.sample(16, np.random.default_rng(5), 0.5, n_step=3) for _ in range(2))
    for mine, theirs in zip(one, two, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert (one.next_state[:, 1] - one.state[:, 1]).max() == 3


@pytest.mark.parametrize("errors", [[np.nan, 1], [1], [np.inf, 0]])
def test_errors_that_are_no_errors_are_refused(tmp_path, errors):
    _, sampler = make(tmp_path)
    batch = sampler.sample(2, np.random.default_rng(0), 0.5)
    before = sampler.probability(np.arange(SPEC.capacity))
    with pytest.raises(InvalidInput, match="expected 2 finite numbers"):
        sampler.update(batch, np.array(errors, np.float32))
    np.testing.assert_array_equal(sampler.probability(np.arange(SPEC.capacity)), before)


def test_settings_out_of_range_and_an_empty_store_are_refused(tmp_path):
    store, sampler = make(tmp_path, ())
    with pytest.raises(InvalidInput, match="holds no transitions"):
        sampler.sample(1, np.random.default_rng(0), 0.5)
    with pytest.raises(InvalidInput, match=r"correction 1\.5"):
        sampler.sample(1, np.random.default_rng(0), 1.5)
    with pytest.raises(InvalidInput, match="exponent -1"):
        PrioritisedSampler(store, -1)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.lists(st.tuples(st.integers(0, 39), st.floats(0, 1e6)), min_size=1), st.integers(0, 99))
def test_a_sum_tree_finds_what_a_running_sum_finds(size, changes, seed):
    tree, priorities = SumTree(size), np.zeros(size)
    for number, priority in changes:
        tree.set(np.array([number % size]), np.array([priority]))
        priorities[number % size] = priority
    np.testing.assert_array_equal(tree[np.arange(size)], priorities)
    assert tree.total == pytest.approx(priorities.sum())
    if tree.total > 0:
        sums = np.random.default_rng(seed).random(50) * tree.total
        found = tree.find(np.append(sums, tree.total))
        assert (priorities[found] > 0).all()
        upto = np.cumsum(priorities)
        slack = 1e-9 * tree.total
        assert (upto[found[:50]] >= sums - slack).all()
        assert (upto[found[:50]] - priorities[found[:50]] <= sums + slack).all()
