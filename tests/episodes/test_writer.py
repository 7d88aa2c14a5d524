"""Where episodes go, what each costs, and what happens when writers meet or give up."""

import re
import subprocess
import sys

import pytest

from qtopt_agent.core.errors import InvalidInput, StorageError
from qtopt_agent.episodes import writer as writer_module
from qtopt_agent.episodes.reader import find_episodes, find_partial, iter_episodes, read_episode
from qtopt_agent.episodes.verify import verify
from qtopt_agent.episodes.writer import EpisodeWriter, new_episode_id

ABOUT = {"profile": "compact", "policy": "scripted", "model_version": "v1", "seed": 7, "objects": ("box", "tee")}


def test_ids_are_unique_sort_by_time_and_fit_any_file_system():
    ids = [new_episode_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert [name[:22] for name in ids] == sorted(name[:22] for name in ids)
    assert all(re.fullmatch(r"\d{8}T\d{12}Z-[0-9a-f]{6}", name) for name in ids)


def test_an_episode_lies_in_a_dated_folder_under_its_id(tmp_path, make_episode):
    folder = EpisodeWriter(tmp_path).write(make_episode("grasp"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\d/\d{6}-[0-9a-f]{6}/grasp", str(folder.relative_to(tmp_path)))
    assert sorted(file.name for file in folder.iterdir()) == ["grasp_0.mcap", "metadata.yaml"]


def test_steps_appended_one_by_one_make_the_same_episode(tmp_path, make_episode, assert_same):
    episode = make_episode()
    recording = EpisodeWriter(tmp_path).open("grasp", **ABOUT)
    for step in episode.steps:
        recording.append(step)
    assert_same(read_episode(recording.close(episode.final, success=True)), episode)


def test_an_episode_has_no_name_before_it_is_complete(tmp_path, make_episode):
    episode = make_episode()
    recording = EpisodeWriter(tmp_path).open("grasp", **ABOUT)
    recording.append(episode.steps[0])
    assert list(find_episodes(tmp_path)) == []
    assert [folder.name for folder in find_partial(tmp_path)] == [".partial-grasp"]
    folder = recording.close(episode.final, success=False)
    assert list(find_episodes(tmp_path)) == [folder]
    assert list(find_partial(tmp_path)) == []


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden", "a b", "a\n", "x" * 129])
def test_an_id_unfit_for_a_folder_is_refused(tmp_path, make_episode, name):
    with pytest.raises(InvalidInput, match="episode id is"):
        EpisodeWriter(tmp_path).write(make_episode(name))


def test_an_id_that_is_taken_is_refused_and_the_first_episode_stays(tmp_path, make_episode, assert_same):
    writer = EpisodeWriter(tmp_path)
    folder = writer.write(make_episode(seed=1))
    with pytest.raises(InvalidInput, match="already"):
        writer.write(make_episode(seed=2))
    assert_same(read_episode(folder), make_episode(seed=1))


def test_a_discarded_recording_leaves_nothing(tmp_path, make_episode):
    writer = EpisodeWriter(tmp_path)
    recording = writer.open("grasp", **ABOUT)
    recording.append(make_episode().steps[0])
    recording.discard()
    assert not list(tmp_path.rglob("*grasp*"))
    with pytest.raises(InvalidInput, match="grasp is closed"):
        recording.append(make_episode().steps[0])


def test_leaving_the_block_early_discards_and_after_close_keeps(tmp_path, make_episode):
    writer, episode = EpisodeWriter(tmp_path), make_episode()
    with pytest.raises(KeyboardInterrupt), writer.open("stopped", **ABOUT) as recording:
        recording.append(episode.steps[0])
        raise KeyboardInterrupt
    with writer.open("done", **ABOUT) as recording:
        recording.append(episode.steps[0])
        recording.close(episode.final, success=True)
    assert [folder.name for folder in find_episodes(tmp_path)] == ["done"]
    assert list(find_partial(tmp_path)) == []


def test_a_bad_step_does_not_end_the_recording(tmp_path, make_episode):
    episode = make_episode()
    recording = EpisodeWriter(tmp_path).open("grasp", **ABOUT)
    recording.append(episode.steps[0])
    with pytest.raises(InvalidInput, match="height"):
        recording.append(make_episode(size=(1, 1)).steps[0])
    for step in episode.steps[1:]:
        recording.append(step)
    assert verify(recording.close(episode.final, success=True)) == []


def test_a_folder_takes_no_more_than_its_share(tmp_path, make_episode, monkeypatch):
    monkeypatch.setattr(writer_module, "EPISODES_PER_FOLDER", 3)
    writer = EpisodeWriter(tmp_path, sync=False)
    for i in range(8):
        writer.write(make_episode(f"e{i}", steps=1, size=(1, 1)))
    counts = sorted(len(list(folder.iterdir())) for folder in tmp_path.glob("*/*"))
    assert counts == [2, 3, 3]
    assert len(list(iter_episodes(tmp_path))) == 8


def test_every_episode_costs_the_same_calls_and_no_folder_is_listed(tmp_path):
    """Audit events (open, mkdir, rename, listdir, ...) of the 2nd and the 900th episode, in a process of its own."""
    program = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("made", sys.argv[1])
made = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)
from qtopt_agent.episodes.writer import EpisodeWriter
events = []
sys.addaudithook(lambda name, args: events.append(name))
writer = EpisodeWriter(sys.argv[2], sync=False)
costs = []
for i in range(900):
    episode = made._make(f"e{i}", steps=1, size=(1, 1))
    events.clear()
    writer.write(episode)
    costs.append(sorted(name for name in events if name.split(".")[0] in ("open", "os", "fcntl", "shutil", "glob")))
assert costs[1] == costs[899], (costs[1], costs[899])
assert not {"os.listdir", "os.scandir", "glob.glob"} & set(costs[899]), costs[899]
print(*costs[899])
"""
    made = __file__.replace("test_writer.py", "conftest.py")
    done = subprocess.run([sys.executable, "-c", program, made, tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split().count("os.mkdir") == 1


def test_writers_in_several_processes_share_a_root(tmp_path, make_episode, assert_same):
    program = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("made", sys.argv[1])
made = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)
from qtopt_agent.episodes.writer import EpisodeWriter
writer = EpisodeWriter(sys.argv[2], sync=False)
for i in range(60):
    writer.write(made._make(f"e{i}", seed=int(sys.argv[3]) + i))
"""
    made = __file__.replace("test_writer.py", "conftest.py")
    processes = [subprocess.Popen([sys.executable, "-c", program, made, tmp_path, str(100 * k)]) for k in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    folders = list(find_episodes(tmp_path))
    assert len(folders) == 120
    assert all(verify(folder) == [] for folder in folders)
    first, second = sorted(tmp_path.glob("*/*"), key=lambda run: read_episode(run / "e0").steps[0].q.__repr__())
    assert {folder.name for folder in first.iterdir()} == {folder.name for folder in second.iterdir()}


def test_a_root_that_cannot_be_written_is_named(tmp_path, make_episode):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"cannot write below .*file: Not a directory"):
        EpisodeWriter(tmp_path / "file").write(make_episode())
