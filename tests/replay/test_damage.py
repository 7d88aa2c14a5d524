"""A replay store of which something has changed on the disk: what is used is what was written, the rest is named."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.replay.store import TransitionStore

from ..conftest import FUZZ
from .test_store import SPEC, episode, everything

EPISODES = 12  # of 5 rows each, the first two overwritten: the ring has gone round once


@pytest.fixture
def whole(tmp_path) -> Path:
    """The folder of a store that is well."""
    store = TransitionStore(tmp_path / "whole", SPEC)
    for number in range(EPISODES):
        store.append(episode(number, 4), source=number % 2)
    store.flush()
    return tmp_path / "whole"


def put(file: Path, data: bytes) -> None:
    """Make `file` anew: to cut the old one off takes far longer."""
    file.unlink(missing_ok=True)
    file.write_bytes(data)


def columns(store: TransitionStore) -> dict[int, bytes]:
    """What a store that is open gives out, by episode."""
    rows = store.rows()
    batch, of = store.gather(rows), store.gather(rows).episode
    return {
        int(n): b"".join(np.ascontiguousarray(part[of == n]).tobytes() for part in batch if part is not None)
        for n in np.unique(of)
    }


def test_an_episode_with_one_bit_flipped_is_left_out_and_named(whole):
    image = np.load(whole / "image.npy", mmap_mode="r+")
    image[7, 1, 2, 0] ^= 4  # of the second row that is held
    image.flush()
    store = TransitionStore(whole, SPEC)
    assert "1 episodes are damaged and left out: 11" in store.damage
    assert set(everything(store).state[:, 0]) == set(range(2, 11))
    assert store.episodes_added == EPISODES
    for number in range(EPISODES, EPISODES + 10):
        store.append(episode(number, 4))
    again = TransitionStore(whole, SPEC)  # what was damaged has been overwritten
    assert not again.damage
    assert set(everything(again).state[:, 0]) == set(range(12, 22))


def test_every_file_may_be_damaged_anywhere_and_nothing_wrong_is_given_out(whole, tmp_path, mutations):
    written = columns(TransitionStore(whole, SPEC))
    sound = {file.name: file.read_bytes() for file in sorted(whole.iterdir())}
    damaged = {name: mutations(data) for name, data in sound.items()}
    folder = tmp_path / "damaged"
    shutil.copytree(whole, folder)
    named = silent = 0
    for i in range(FUZZ):
        changed = list(sound)[i % len(sound)]
        put(folder / changed, next(damaged[changed]))
        try:
            store = TransitionStore(folder, SPEC)
        except InvalidInput as error:
            assert str(folder) in str(error)
            named += 1
        else:
            given = columns(store)
            assert given.items() <= written.items()
            assert set(store.damage.partition("out: ")[2].split(", ")) - {""} == {
                str(n) for n in written.keys() - given.keys()
            }
            named, silent = named + bool(store.damage), silent + (not store.damage)
        for name in (changed, "episode.npy"):  # in which opening clears rows that count for nothing
            put(folder / name, sound[name])
    assert named > silent


def test_a_store_that_is_to_be_there_is_never_made_anew(whole):
    (whole / "store.json").unlink()
    before = (whole / "image.npy").read_bytes()
    with pytest.raises(InvalidInput, match=r"store\.json"):
        TransitionStore(whole, SPEC, new=False)
    assert (whole / "image.npy").read_bytes() == before
