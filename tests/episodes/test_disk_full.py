"""A disk that takes no more: a clear error, and every earlier episode whole."""

import errno
import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from qtopt_agent.core.errors import StorageError
from qtopt_agent.episodes.reader import find_episodes, find_partial, read_episode
from qtopt_agent.episodes.repair import Outcome, repair
from qtopt_agent.episodes.verify import verify
from qtopt_agent.episodes.writer import EpisodeWriter

ABOUT = {"profile": "compact", "policy": "scripted", "model_version": "v1", "seed": 7, "objects": ("box", "tee")}


@contextmanager
def files_no_larger_than(limit: float) -> Iterator[None]:
    """The kernel takes a file's first `limit` bytes and refuses the rest, writing short as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def episode(make_episode):
    return make_episode("after", size=(32, 32))


@pytest.fixture
def size(tmp_path, episode) -> int:
    return next(EpisodeWriter(tmp_path / "measure").write(episode).glob("*.mcap")).stat().st_size


@pytest.mark.parametrize("share", [0.0001, 0.3, 0.7, 0.95, 0.9999])
def test_writing_an_episode_that_does_not_fit_says_so_and_leaves_the_others(
    tmp_path, make_episode, episode, size, share
):
    writer = EpisodeWriter(tmp_path / "data")
    before = writer.write(make_episode("before"))
    with files_no_larger_than(share * size), pytest.raises(StorageError, match=r"cannot write .*after: File too large"):
        writer.write(episode)
    assert list(find_episodes(tmp_path / "data")) == [before]
    assert verify(before) == []
    assert not list(find_partial(tmp_path / "data"))


@pytest.mark.parametrize(("share", "kept", "success"), [(0.6, 2, False), (0.95, 4, True)])
def test_steps_recorded_before_the_disk_was_full_can_be_repaired(
    tmp_path, make_episode, episode, size, share, kept, success
):
    writer = EpisodeWriter(tmp_path / "data")
    before = writer.write(make_episode("before"))
    with files_no_larger_than(share * size), pytest.raises(StorageError, match="File too large"):
        recording = writer.open("after", **ABOUT)
        for step in episode.steps:
            recording.append(step)
        recording.close(episode.final, success=True)
    assert list(find_episodes(tmp_path / "data")) == [before]
    (result,) = repair(tmp_path / "data")
    assert result.outcome == Outcome.REPAIRED
    repaired = read_episode(result.path)
    assert (len(repaired.steps), repaired.success, repaired.truncated) == (kept, success, not success)
    assert sorted(folder.name for folder in find_episodes(tmp_path / "data")) == ["after", "before"]


@pytest.mark.parametrize("call", ["mkdir", "fsync", "rename"])
def test_no_space_in_any_call_is_a_storage_error(tmp_path, make_episode, monkeypatch, call):
    writer = EpisodeWriter(tmp_path)
    before = writer.write(make_episode("before"))

    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, call, full)
    with pytest.raises(StorageError, match="after: No space left on device"):
        writer.write(make_episode("after"))
    monkeypatch.undo()
    assert verify(before) == []
    assert list(find_episodes(tmp_path)) == [before]
    assert not list(find_partial(tmp_path))
    assert verify(writer.write(make_episode("after"))) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system takes root")
def test_a_full_file_system_is_named_and_earlier_episodes_stay(tmp_path, make_episode):
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("this container may not mount")
    try:
        writer = EpisodeWriter(tmp_path)
        written = 0
        with pytest.raises(StorageError, match="No space left on device"):
            for written in range(100):
                writer.write(make_episode(f"e{written}", size=(32, 32)))
        folders = list(find_episodes(tmp_path))
        assert len(folders) == written > 0
        assert all(verify(folder) == [] for folder in folders)
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)
