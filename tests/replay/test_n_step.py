import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtopt_agent.core.episode import Episode, Step
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.observation import Observation
from qtopt_agent.replay.batch import Batch
from qtopt_agent.replay.spec import StoreSpec
from qtopt_agent.replay.store import TransitionStore

GAMMA = 0.5  # and rewards in quarters: every sum is exact
SPEC = StoreSpec(capacity=40, image_size=(2, 2), state_size=2, action_size=1, privileged_size=0, discount=GAMMA)


def episode(number: int, rewards: list[float], truncated: bool) -> Episode:
    """State, image and action tell the episode and the step."""

    def seen(t: int) -> Observation:
        return Observation(np.full((2, 2, 3), 20 * number + t, np.uint8), np.array([number, t], np.float32), 0.0)

    def step(t: int, reward: float) -> Step:
        action = np.array([100 * number + t], np.float32)
        last = t == len(rewards) - 1
        return Step(seen(t), action, action, reward, last and not truncated, log_density=float(-t) if t else np.nan)

    steps = tuple(step(t, reward) for t, reward in enumerate(rewards))
    return Episode(f"e{number}", steps, seen(len(rewards)), False, truncated)


def filled(folder: str, episodes: list[Episode]) -> TransitionStore:
    store = TransitionStore(Path(folder), SPEC)
    for each in episodes:
        store.append(each)
    return store


def told(batch: Batch) -> set[tuple[float, ...]]:
    """One tuple a transition: episode, step, reward, terminal, discount; episode, step and image of what follows."""
    following = batch.next_image[:, 0, 0, 0]
    columns = (*batch.state.T, batch.reward, batch.terminal, batch.discount, *batch.next_state.T, following)
    return {tuple(map(float, row)) for row in zip(*columns, strict=True)}


def brute_force(episodes: list[Episode], n: int) -> set[tuple[float, ...]]:
    """What `told` should say, one step after the other."""
    expected = set()
    for number, each in enumerate(episodes):
        for t in range(len(each.steps)):
            reward, factor, at, terminal = 0.0, 1.0, t, False
            while at < t + n and at < len(each.steps) and not terminal:
                reward += factor * each.steps[at].reward
                factor *= GAMMA
                terminal = each.steps[at].terminal
                at += 1
            expected.add((number, t, reward, terminal, 0.0 if terminal else factor, number, at, 20 * number + at))
    return expected


lives = st.tuples(st.lists(st.sampled_from([-0.5, 0.0, 0.25, 1.0]), min_size=1, max_size=9), st.booleans())


@settings(max_examples=60, deadline=None)
@given(st.lists(lives, min_size=1, max_size=10), st.integers(1, 12))
def test_n_steps_are_what_going_through_the_episodes_finds(several, n):
    episodes = [episode(number, rewards, truncated) for number, (rewards, truncated) in enumerate(several)]
    with tempfile.TemporaryDirectory() as folder:
        store = filled(folder, episodes)
        forgotten = len(episodes) - store.episodes_held
        expected = {row for row in brute_force(episodes, n) if row[0] >= forgotten}
        assert told(store.gather(store.rows(), n)) == expected
        assert told(store.sample(30, np.random.default_rng(0), n_step=n)) <= expected


def test_one_step_is_the_default(tmp_path):
    store = filled(str(tmp_path), [episode(0, [0.0, 1.0, 0.5], False)])
    assert told(store.gather(store.rows())) == told(store.gather(store.rows(), 1))
    assert (store.sample(50, np.random.default_rng(0)).discount[:3] <= np.float32(GAMMA)).all()


def test_a_truncated_episode_bootstraps_from_its_last_observation_and_a_terminal_one_does_not(tmp_path):
    store = filled(str(tmp_path), [episode(0, [1.0, 1.0], True), episode(1, [1.0, 1.0], False)])
    batch = store.gather(store.rows(), 5)
    np.testing.assert_allclose(batch.discount, [GAMMA**2, GAMMA, 0, 0], rtol=1e-6)
    np.testing.assert_array_equal(batch.next_state[:, 1], 2)
    np.testing.assert_array_equal(batch.terminal, [0, 0, 1, 1])


def test_zero_steps_are_refused(tmp_path):
    store = filled(str(tmp_path), [episode(0, [1.0], True)])
    with pytest.raises(InvalidInput, match="n_step is 0"):
        store.sample(1, np.random.default_rng(0), n_step=0)


def test_an_episode_that_goes_on_after_its_end_is_refused(tmp_path):
    good = episode(0, [0.0, 1.0], False)
    store = TransitionStore(tmp_path, SPEC)
    with pytest.raises(InvalidInput, match="goes on after a terminal step"):
        store.append(Episode("e", (good.steps[1], good.steps[0]), good.final, True))
    assert store.transitions() == 0


def test_sequences_hold_every_step_and_end_with_the_episode(tmp_path):
    store = filled(str(tmp_path), [episode(0, [0.25, 0.5, 1.0], False), episode(1, [0.5], True)])
    sequences = store.sequences(store.rows(), 3)
    np.testing.assert_array_equal(sequences.valid, [[1, 1, 1], [1, 1, 0], [1, 0, 0], [1, 0, 0]])
    np.testing.assert_array_equal(sequences.state[:, :, 0], [[0] * 4] * 3 + [[1] * 4])
    np.testing.assert_array_equal(sequences.state[:, :, 1], [[0, 1, 2, 3], [1, 2, 3, 3], [2, 3, 3, 3], [0, 1, 1, 1]])
    np.testing.assert_array_equal(
        sequences.image[:, :, 0, 0, 0], 20 * sequences.state[..., 0] + sequences.state[..., 1]
    )
    valid = sequences.valid
    np.testing.assert_array_equal(sequences.action[valid][:, 0], [0, 1, 2, 1, 2, 2, 100])
    np.testing.assert_array_equal(sequences.reward[valid], [0.25, 0.5, 1, 0.5, 1, 1, 0.5])
    np.testing.assert_array_equal(sequences.terminal[valid], [0, 0, 1, 0, 1, 1, 0])
    np.testing.assert_array_equal(sequences.log_density[valid], [np.nan, -1, -2, -1, -2, -2, np.nan])


def test_densities_and_episode_ends_survive_reopening(tmp_path):
    before = filled(str(tmp_path), [episode(0, [0.25, 0.5, 1.0], False), episode(1, [0.5, 0.5], True)])
    before.flush()
    after = TransitionStore(tmp_path, SPEC)
    for mine, theirs in zip(before.sequences(before.rows(), 4), after.sequences(after.rows(), 4), strict=True):
        np.testing.assert_array_equal(mine, theirs)
