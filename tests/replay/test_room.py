"""How large a store becomes, by what is asked for and what the disk has."""

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.profile import DETAILED, PAPER
from qtopt_agent.replay.room import GB, with_room
from qtopt_agent.replay.spec import StoreSpec
from qtopt_agent.replay.store import TransitionStore

SMALL = StoreSpec.of(DETAILED, 0)
LARGE = StoreSpec.of(PAPER.whole_frames(), 0)


@pytest.fixture(autouse=True)
def disk(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A disk with 20 GB free, and its usage to change."""
    usage = SimpleNamespace(free=20 * GB)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    return usage


def sized(folder: Path, spec: StoreSpec, capacity: int = 0, gigabytes: float = 0.0, new: bool = True) -> StoreSpec:
    return with_room(folder, spec, capacity, gigabytes, 20, new)


def bytes_of(spec: StoreSpec) -> int:
    return spec.capacity * spec.row_bytes + spec.frame_bytes


def test_without_a_size_the_papers_store_takes_half_of_the_free_disk(tmp_path):
    spec = sized(tmp_path / "not" / "there", LARGE)
    assert bytes_of(spec) == 10 * GB
    assert spec.frame_bytes > 9.8 * GB and spec.capacity > 1_000_000


def test_a_large_disk_is_not_filled_by_half(tmp_path, disk):
    disk.free = 5_000 * GB
    assert bytes_of(sized(tmp_path, LARGE)) == 100 * GB


@pytest.mark.parametrize("spec", [SMALL, LARGE], ids=["small", "large"])
def test_a_size_in_gigabytes_is_kept_to(tmp_path, spec):
    assert 2.99 * GB < bytes_of(sized(tmp_path, spec, gigabytes=3.0)) <= 3 * GB


def test_small_frames_are_kept_as_they_are_and_a_number_of_them_is_exact(tmp_path):
    spec = sized(tmp_path, SMALL, capacity=400_000)
    assert spec == replace(SMALL, capacity=400_000)
    assert sized(tmp_path, SMALL, capacity=400_000, gigabytes=1.0).capacity < 90_000
    assert sized(tmp_path, SMALL, capacity=1_000, gigabytes=1.0).capacity == 1_000


def test_a_number_of_large_frames_is_reckoned_with_an_eighth_of_their_bytes(tmp_path):
    spec = sized(tmp_path, LARGE, capacity=10_000)
    assert spec.capacity == 10_000
    assert spec.frame_bytes == pytest.approx(10_000 * 512 * 640 * 3 / 8, rel=0.001)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"gigabytes": 30.0}, "replay.gigabytes is 30.0, which take 30.0 GB, and the disk of .* has 20.0 GB free"),
        ({"capacity": 200_000}, "replay.capacity is 200000 frames, which take 24.6 GB, .* has 20.0 GB free"),
        ({"gigabytes": 0.01}, "would have 0.010 GB .* expected room for an episode of 20 steps, 0.021 GB"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_numbers(tmp_path, asked, said):
    with pytest.raises(InvalidInput, match=said):
        sized(tmp_path, LARGE, **asked)
    assert not list(tmp_path.iterdir())


def test_a_store_that_is_there_stays_as_large_as_it_is_however_full_the_disk(tmp_path, disk):
    made = sized(tmp_path / "store", LARGE, gigabytes=0.1)
    TransitionStore(tmp_path / "store", made)
    disk.free = 0
    assert sized(tmp_path / "store", LARGE, new=False) == made
    assert sized(tmp_path / "store", LARGE, gigabytes=0.1, new=False) == made


def test_a_store_in_place_of_another_may_take_its_space(tmp_path, disk):
    TransitionStore(tmp_path / "store", sized(tmp_path / "store", LARGE, gigabytes=0.1))
    disk.free = 0
    assert bytes_of(sized(tmp_path / "store", LARGE, gigabytes=0.09)) <= 0.09 * GB


def test_a_header_that_says_no_size_is_refused(tmp_path):
    (tmp_path / "store.json").write_text('{"format": 3, "capacity": "many"}')
    with pytest.raises(InvalidInput, match=r"store.json says that capacity is 'many' and frame_bytes 0, expected"):
        sized(tmp_path, LARGE, new=False)
