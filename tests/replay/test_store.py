import errno
import multiprocessing
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qtopt_agent.core.episode import Episode, Step
from qtopt_agent.core.errors import InvalidInput, StorageError
from qtopt_agent.core.observation import Observation
from qtopt_agent.replay.episode_files import guarded
from qtopt_agent.replay.spec import OFF_POLICY, ON_POLICY, StoreSpec
from qtopt_agent.replay.store import TransitionStore

SPEC = StoreSpec(capacity=50, image_size=(4, 4), state_size=2, action_size=3, privileged_size=1, discount=0.9)


def episode(number: int, steps: int, *, success: bool = True, truncated: bool = False) -> Episode:
    """Every frame, state and action carries `number` and its place in the episode."""

    def seen(t: int) -> Observation:
        image = np.full((4, 4, 3), number % 256, np.uint8)
        return Observation(image, np.array([number, t], np.float32), float(t), np.array([number], np.float32))

    def step(t: int) -> Step:
        action = np.array([number, t, 0], np.float32)
        last = t == steps - 1
        return Step(seen(t), action, action, float(success) if last else -0.05, last and not truncated)

    return Episode(f"e{number}", tuple(step(t) for t in range(steps)), seen(steps), success, truncated)


def open_store(folder: Path, spec: StoreSpec = SPEC) -> TransitionStore:
    return TransitionStore(folder / "store", spec)


def everything(store: TransitionStore, seed: int = 0):
    return store.sample(2000, np.random.default_rng(seed))


def test_a_transition_joins_two_neighbouring_frames_of_one_episode(tmp_path):
    store = open_store(tmp_path)
    for number in range(4):
        store.append(episode(number, 3 + number))
    batch = everything(store)
    assert (batch.state[:, 0] == batch.next_state[:, 0]).all()
    assert (batch.state[:, 1] + 1 == batch.next_state[:, 1]).all()
    assert (batch.action[:, :2] == batch.state).all()
    assert (batch.image[:, 0, 0, 0] == batch.state[:, 0]).all()
    assert (batch.privileged[:, 0] == batch.state[:, 0]).all()
    assert len(np.unique(batch.state, axis=0)) == store.transitions() == 3 + 4 + 5 + 6


def test_frames_are_stored_once(tmp_path):
    store = open_store(tmp_path)
    store.append(episode(1, 7))
    store.flush()
    images = np.load(tmp_path / "store" / "image.npy")
    assert (images == 1).all(axis=(1, 2, 3)).sum() == 8  # T steps: T + 1 frames


def test_only_the_last_step_is_terminal(tmp_path):
    store = open_store(tmp_path)
    store.append(episode(0, 5))
    batch = everything(store)
    assert ((batch.state[:, 1] == 4) == (batch.terminal == 1)).all()


def test_an_interrupted_episode_is_not_terminal_and_bounds_nothing(tmp_path):
    store = open_store(tmp_path)
    store.append(episode(0, 5, truncated=True))
    batch = everything(store)
    assert not batch.terminal.any()
    assert not batch.mc_return.any()


def test_monte_carlo_returns_are_discounted_sums_of_rewards(tmp_path):
    store = open_store(tmp_path)
    store.append(episode(0, 3))
    batch = everything(store)
    expected = {0: -0.05 - 0.9 * 0.05 + 0.81, 1: -0.05 + 0.9, 2: 1.0}
    for t, value in zip(batch.state[:, 1], batch.mc_return, strict=True):
        assert value == pytest.approx(expected[int(t)])


def test_a_full_store_forgets_whole_episodes_and_never_mixes_two(tmp_path):
    store = open_store(tmp_path)
    rng = np.random.default_rng(0)
    for number in range(200):
        store.append(episode(number, int(rng.integers(1, 20))), source=int(rng.integers(2)))
        batch = everything(store, number)
        assert (batch.state[:, 0] == batch.next_state[:, 0]).all()
        assert (batch.state[:, 1] + 1 == batch.next_state[:, 1]).all()
        held = np.unique(batch.state[:, 0])
        assert held[-1] == number
        assert (np.diff(held) == 1).all()  # the newest ones, without a gap
        assert len(held) == store.episodes_held
    assert store.episodes_added == 200


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_a_batch_holds_the_on_policy_share_asked_for(tmp_path, share):
    store = open_store(tmp_path)
    store.append(episode(1, 20))
    store.append(episode(2, 2), source=ON_POLICY)
    batch = store.sample(4000, np.random.default_rng(0), {OFF_POLICY: 1 - share, ON_POLICY: share})
    assert np.mean(batch.state[:, 0] == 2) == pytest.approx(share, abs=0.03)


def test_a_source_without_data_leaves_its_share_to_the_other(tmp_path):
    store = open_store(tmp_path)
    store.append(episode(1, 4))
    assert (store.sample(32, np.random.default_rng(0), {ON_POLICY: 1.0}).state[:, 0] == 1).all()


def test_success_rate_counts_the_newest_episodes_of_one_source(tmp_path):
    store = open_store(tmp_path)
    for number, success in enumerate([False, True, True]):
        store.append(episode(number, 2, success=success), source=ON_POLICY)
    assert store.success_rate(ON_POLICY, last=2) == 1.0
    assert store.success_rate(ON_POLICY) == pytest.approx(2 / 3)
    assert np.isnan(store.success_rate(OFF_POLICY))


def test_reopening_gives_the_same_samples(tmp_path):
    store = open_store(tmp_path)
    for number in range(30):
        store.append(episode(number, 6), source=int(number % 3 == 0))
    again = open_store(tmp_path)
    assert again.episodes_added == 30
    for mine, theirs in zip(everything(store), everything(again), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    again.append(episode(30, 6))
    assert (everything(again).state[:, 0] == 30).any()


ROOMY = replace(SPEC, capacity=100)  # never empty, not even while an episode makes room for the next


def _append_for_ever(folder: Path, ready) -> None:
    store = open_store(folder, ROOMY)
    number = store.episodes_added
    while True:
        store.append(episode(number, 1 + number % 17))
        number += 1
        ready.set()


def test_a_store_killed_at_any_moment_holds_whole_episodes(tmp_path):
    context = multiprocessing.get_context("fork")
    before = -1
    for attempt in range(10):
        ready = context.Event()
        writer = context.Process(target=_append_for_ever, args=(tmp_path, ready), daemon=True)
        writer.start()
        assert ready.wait(30)
        time.sleep(0.003 * attempt)
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        store = open_store(tmp_path, ROOMY)
        assert store.episodes_added > before
        before = store.episodes_added
        batch = everything(store)
        assert (batch.state[:, 0] == batch.next_state[:, 0]).all()
        assert (batch.state[:, 1] + 1 == batch.next_state[:, 1]).all()
        assert ((batch.terminal == 1) == (batch.state[:, 1] == batch.state[:, 0] % 17)).all()


def test_an_episode_half_written_before_a_kill_does_not_count(tmp_path):
    store = open_store(tmp_path)
    store.append(episode(0, 9))
    store.append(episode(1, 9))
    store._files._held[1] = guarded(1)  # as if the kill came before the second commit
    again = open_store(tmp_path)
    assert again.transitions() == 9
    again.append(episode(7, 3))  # shorter than what lies there
    batch = everything(open_store(tmp_path))
    assert set(batch.state[:, 0]) == {0, 7}


class Killed(Exception):
    pass


def test_an_old_episode_half_overwritten_before_a_kill_does_not_count(tmp_path, monkeypatch):
    store = open_store(tmp_path)
    for number in range(5):
        store.append(episode(number, 9))  # 5 x 10 frames: the store is full

    def killed(*_: object) -> None:
        raise Killed

    monkeypatch.setattr(store._files, "_checksum", killed)  # between the new episode's data and its commit
    with pytest.raises(Killed):
        store.append(episode(9, 4))
    again = open_store(tmp_path)
    assert set(everything(again).state[:, 0]) == {1, 2, 3, 4}
    assert not again.damage


def test_an_episode_half_forgotten_before_a_kill_does_not_count_and_is_no_damage(tmp_path):
    store = open_store(tmp_path)
    store.append(episode(0, 9))
    store.append(episode(1, 9))
    store._files._held[0] = guarded(1)
    store._columns["episode"][:4] = -1  # as if the kill came in the middle of that
    again = open_store(tmp_path)
    assert set(everything(again).state[:, 0]) == {1}
    assert not again.damage


def test_a_store_of_another_profile_is_refused(tmp_path):
    open_store(tmp_path)
    with pytest.raises(InvalidInput, match="state_size"):
        open_store(tmp_path, StoreSpec(50, (4, 4), 5, 3, 1, 0.9))


def test_a_store_of_an_older_format_is_refused_with_what_to_do(tmp_path):
    open_store(tmp_path)
    header = tmp_path / "store" / "store.json"
    header.write_text(header.read_text().replace('"format": 3', '"format": 2'))
    with pytest.raises(InvalidInput, match=r"has format 2, expected 3.*start a new run"):
        open_store(tmp_path)


@pytest.mark.parametrize("where", ["state", "reward"])
def test_nan_is_refused_and_leaves_the_store_as_it_was(tmp_path, where):
    store = open_store(tmp_path)
    good = episode(0, 3)
    if where == "state":
        good.steps[1].observation.state[0] = np.nan
    else:
        good = Episode(
            "bad", (Step(good.final, good.steps[0].executed, good.steps[0].executed, np.nan, True),), good.final, True
        )
    with pytest.raises(InvalidInput, match=where):
        store.append(good)
    assert store.episodes_added == store.transitions() == 0


def test_an_image_of_the_wrong_size_is_refused(tmp_path):
    store = open_store(tmp_path, StoreSpec(50, (8, 8), 2, 3, 1, 0.9))
    with pytest.raises(InvalidInput, match=r"image is uint8 \[4, 4, 3\], expected uint8 \[8, 8, 3\]"):
        store.append(episode(0, 3))


def test_an_empty_store_says_so(tmp_path):
    with pytest.raises(InvalidInput, match="holds no transitions"):
        open_store(tmp_path).sample(1, np.random.default_rng(0))


def test_profiles_without_a_camera_or_privileged_values_work(tmp_path):
    store = open_store(tmp_path, StoreSpec(50, (0, 0), 2, 3, 0, 0.9))
    nothing = np.zeros((0, 0, 3), np.uint8)
    seen = Observation(nothing, np.zeros(2, np.float32), 0.0)
    action = np.zeros(3, np.float32)
    store.append(Episode("e", (Step(seen, action, action, 1.0, True),), seen, True))
    batch = store.sample(5, np.random.default_rng(0))
    assert batch.image.shape == (5, 0, 0, 3)
    assert batch.privileged.shape == (5, 0)


def test_masks_are_kept_with_their_pictures_where_the_store_has_room_for_them(tmp_path):
    def masked(number: int) -> Episode:
        plain = episode(number, 3)

        def seen(observation: Observation) -> Observation:
            return replace(observation, mask=np.full((4, 4), 10 * number + observation.state[1], np.uint8))

        steps = tuple(replace(step, observation=seen(step.observation)) for step in plain.steps)
        return replace(plain, steps=steps, final=seen(plain.final))

    store = open_store(tmp_path, replace(SPEC, mask_size=4))
    for number in range(4):
        store.append(masked(number))
    batch = everything(store)
    assert (batch.mask[:, 1, 2] == 10 * batch.state[:, 0] + batch.state[:, 1]).all()
    with pytest.raises(InvalidInput, match="episode e7 of the run's own simulation has no masks"):
        store.append(episode(7, 3))
    store.flush()
    assert open_store(tmp_path, replace(SPEC, mask_size=4)).episodes_held == 4
    with pytest.raises(InvalidInput, match="mask_size is 4, expected None"):
        open_store(tmp_path)


needs_reserving = pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="this system cannot reserve disk space")


@needs_reserving
def test_a_disk_too_small_for_the_store_is_named_before_anything_is_collected(tmp_path, monkeypatch):
    def full(descriptor: int, offset: int, length: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "posix_fallocate", full)
        with pytest.raises(StorageError, match=r"needs .* GB for .*image\.npy: No space left"):
            open_store(tmp_path)
    open_store(tmp_path).append(episode(0, 3))  # and it works once there is room


@needs_reserving
def test_the_disk_space_of_a_store_is_taken_when_it_is_made(tmp_path):
    open_store(tmp_path, StoreSpec(1000, (32, 32), 2, 3, 0, 0.9))
    file = (tmp_path / "store" / "image.npy").stat()
    assert file.st_blocks * 512 >= file.st_size
