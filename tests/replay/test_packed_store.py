"""A store of packed frames gives out what one of plain frames does, forgets alike, and is as hard to fool."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.replay.episode_files import EpisodeFiles
from qtopt_agent.replay.frame_codec import pack
from qtopt_agent.replay.packed_frames import PackedFrames
from qtopt_agent.replay.store import TransitionStore

from ..conftest import FUZZ
from .test_damage import columns, put
from .test_store import SPEC, Killed, episode, everything

FRAME = len(pack(np.zeros((4, 4, 3), np.uint8)))
PACKED = replace(SPEC, frame_bytes=30 * FRAME)
EPISODES = 12  # of 5 frames each: 6 of them have room


@pytest.fixture
def whole(tmp_path) -> Path:
    store = TransitionStore(tmp_path / "whole", PACKED)
    for number in range(EPISODES):
        store.append(episode(number, 4), source=number % 2)
    store.flush()
    return tmp_path / "whole"


def test_packed_frames_are_given_out_as_plain_ones_are(tmp_path):
    stores = [TransitionStore(tmp_path / "plain", SPEC), TransitionStore(tmp_path / "packed", PACKED)]
    for number in range(4):
        for store in stores:
            store.append(episode(number, 3 + number))
    for plain, packed in zip(*map(everything, stores), strict=True):
        np.testing.assert_array_equal(plain, packed)
    rows = stores[0].rows()
    for plain, packed in zip(*(store.sequences(rows, 3) for store in stores), strict=True):
        np.testing.assert_array_equal(plain, packed)


def test_a_store_whose_bytes_are_full_forgets_whole_episodes_and_never_mixes_two(tmp_path):
    store = TransitionStore(tmp_path / "store", PACKED)
    rng = np.random.default_rng(0)
    most = 0
    for number in range(200):
        steps = int(rng.integers(1, 20))
        store.append(episode(number, steps), source=int(rng.integers(2)))
        batch = store.gather(store.rows())
        assert (batch.image[:, 0, 0, 0] == batch.state[:, 0] % 256).all()
        assert (batch.next_image[:, 0, 0, 0] == batch.state[:, 0] % 256).all()
        assert (batch.state[:, 1] + 1 == batch.next_state[:, 1]).all()
        held = np.unique(batch.state[:, 0])
        assert held[-1] == number and (np.diff(held) == 1).all() and len(held) == store.episodes_held
        most = max(most, store.transitions() + store.episodes_held)
    assert 20 < most <= 30  # of the 50 rows that there are


def test_an_opened_store_goes_on_where_it_was(whole):
    store = TransitionStore(whole, PACKED)
    assert not store.damage and set(everything(store).state[:, 0]) == set(range(6, 12))
    for number in range(EPISODES, EPISODES + 4):
        store.append(episode(number, 4))
    again = TransitionStore(whole, PACKED)
    assert not again.damage and set(everything(again).state[:, 0]) == set(range(10, 16))


def test_an_episode_too_long_for_the_bytes_is_refused_and_nothing_is_forgotten(tmp_path):
    store = TransitionStore(tmp_path / "store", replace(PACKED, frame_bytes=10 * FRAME))
    store.append(episode(0, 4))
    with pytest.raises(InvalidInput, match=rf"packed frames of {13 * FRAME} bytes, expected at most {10 * FRAME}"):
        store.append(episode(1, 12))
    assert set(everything(store).state[:, 0]) == {0}


def test_an_old_episode_half_overwritten_before_a_kill_does_not_count(whole, monkeypatch):
    store = TransitionStore(whole, PACKED)

    def killed(*_: object) -> None:
        raise Killed

    monkeypatch.setattr(EpisodeFiles, "_checksum", killed)  # between the new episode's data and its commit
    with pytest.raises(Killed):
        store.append(episode(99, 4))
    monkeypatch.undo()
    again = TransitionStore(whole, PACKED)
    assert set(everything(again).state[:, 0]) == set(range(7, 12)) and not again.damage


def test_a_packed_frame_of_which_a_bit_is_flipped_costs_its_episode_alone(whole):
    frames = np.load(whole / "frames.npy", mmap_mode="r+")
    frames[2] ^= 4  # of the oldest episode that is held
    frames.flush()
    store = TransitionStore(whole, PACKED)
    assert "1 episodes are damaged and left out: 6" in store.damage
    assert set(everything(store).state[:, 0]) == set(range(7, 12))


@pytest.mark.parametrize(
    ("at", "length"),
    [([0, 9], [4, 4]), ([0, 4], [4, 99]), ([-4, 0], [4, 4]), ([0, 0], [0, 4]), ([0, 2**62], [4, 4]), ([], [])],
)
def test_rows_that_contradict_one_another_have_no_bytes_to_be_read(at, length):
    data = np.zeros(30, np.uint8)
    frames = PackedFrames(data, np.array(at, np.int64), np.array(length, np.int32), (4, 4))
    assert frames.span(slice(0, 2)) is None


@pytest.mark.parametrize("name", ["frames", "frame_at", "frame_length"])
def test_every_file_of_packed_frames_may_be_damaged_and_nothing_wrong_is_given_out(whole, tmp_path, mutations, name):
    written, sound = columns(TransitionStore(whole, PACKED)), (whole / f"{name}.npy").read_bytes()
    numbers = (whole / "episode.npy").read_bytes()
    folder = tmp_path / "damaged"
    shutil.copytree(whole, folder)
    noticed = 0
    for i, data in enumerate(mutations(sound)):
        if i >= FUZZ // 4:
            break
        put(folder / f"{name}.npy", data)
        put(folder / "episode.npy", numbers)  # in which opening clears rows that count for nothing
        try:
            store = TransitionStore(folder, PACKED)
        except InvalidInput as error:
            assert str(folder) in str(error)
            noticed += 1
        else:
            assert columns(store).items() <= written.items()
            noticed += bool(store.damage)
    assert noticed > FUZZ // 8


def test_a_store_of_plain_frames_is_not_opened_as_one_of_packed_ones(tmp_path):
    TransitionStore(tmp_path / "store", SPEC)
    with pytest.raises(InvalidInput, match=f"frame_bytes is None, expected {PACKED.frame_bytes}"):
        TransitionStore(tmp_path / "store", PACKED)
