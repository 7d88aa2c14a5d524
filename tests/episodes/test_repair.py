"""Repair keeps what is whole, says what is lost, and touches nothing that is healthy, foreign or being written."""

import shutil

import pytest
from mcap.reader import make_reader

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.episodes.reader import find_partial, read_episode
from qtopt_agent.episodes.recording import Recording
from qtopt_agent.episodes.repair import Outcome, being_written, repair
from qtopt_agent.episodes.verify import verify
from qtopt_agent.episodes.writer import EpisodeWriter

ABOUT = {"profile": "compact", "policy": "scripted", "model_version": "v1", "seed": 7, "objects": ("box", "tee")}


@pytest.fixture
def bag(tmp_path, make_episode):
    return EpisodeWriter(tmp_path).write(make_episode())


@pytest.fixture
def file(bag):
    return next(bag.glob("*.mcap"))


def cut(file, share):
    whole = file.read_bytes()
    file.write_bytes(whole[: int(share * len(whole))])


def chunk_ends(file):
    with file.open("rb") as stream:
        return [c.chunk_start_offset + c.chunk_length for c in make_reader(stream).get_summary().chunk_indexes]


@pytest.mark.parametrize("complete", [2, 3, 4])
def test_each_complete_step_but_the_last_is_kept_and_the_last_gives_the_final_observation(
    bag, file, make_episode, assert_same, complete
):
    episode = make_episode()
    file.write_bytes(file.read_bytes()[: chunk_ends(file)[complete - 1]])
    (result,) = repair(bag)
    assert (result.path, result.outcome) == (bag, Outcome.REPAIRED)
    assert f"{complete - 1} steps kept" in result.detail
    assert verify(bag) == []
    repaired = read_episode(bag)
    assert_same(repaired.steps, episode.steps[: complete - 1])
    assert_same(repaired.final, episode.steps[complete - 1].observation)
    assert (repaired.success, repaired.truncated) == (False, True)
    assert (repaired.policy, repaired.seed, repaired.objects) == ("scripted", 7, ("box", "tee"))


def test_a_file_that_lacks_only_its_summary_loses_nothing(bag, file, make_episode, assert_same):
    file.write_bytes(file.read_bytes()[: chunk_ends(file)[-1]])
    (result,) = repair(bag)
    assert result.outcome == Outcome.REPAIRED
    assert_same(read_episode(bag), make_episode())


def test_lost_metadata_is_made_anew(bag, make_episode, assert_same):
    (bag / "metadata.yaml").unlink()
    assert [result.outcome for result in repair(bag)] == [Outcome.REPAIRED]
    assert verify(bag) == []
    assert_same(read_episode(bag), make_episode())


def test_a_changed_byte_costs_the_steps_from_there_on(bag, file):
    whole = bytearray(file.read_bytes())
    whole[chunk_ends(file)[2] - 5] ^= 1
    file.write_bytes(whole)
    (result,) = repair(bag)
    assert result.outcome == Outcome.REPAIRED
    assert len(read_episode(bag).steps) == 1


def test_healthy_episodes_are_not_touched(bag, file):
    before = file.stat()
    assert repair(bag.parent) == []
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_repaired_episode_needs_no_second_repair(bag, file):
    cut(file, 0.6)
    assert len(repair(bag.parent)) == 1
    assert repair(bag.parent) == []
    assert [path.name for path in bag.parent.iterdir()] == [bag.name]


def test_what_a_running_program_records_is_left_alone(tmp_path, make_episode):
    episode = make_episode()
    recording = EpisodeWriter(tmp_path).open("grasp", **ABOUT)
    recording.append(episode.steps[0])
    (partial,) = find_partial(tmp_path)
    assert being_written(partial)
    assert [result.outcome for result in repair(tmp_path)] == [Outcome.IN_USE]
    for step in episode.steps[1:]:
        recording.append(step)
    assert verify(recording.close(episode.final, success=True)) == []
    assert not being_written(partial)


def test_a_recording_without_a_second_step_is_removed(tmp_path, make_episode):
    recording = EpisodeWriter(tmp_path).open("grasp", **ABOUT)
    recording.append(make_episode().steps[0])
    del recording
    shutil.copytree(next(find_partial(tmp_path)), tmp_path / "copy/.partial-grasp")
    (result,) = repair(tmp_path / "copy")
    assert result.outcome == Outcome.REMOVED
    assert list((tmp_path / "copy").iterdir()) == []


def test_an_empty_partial_folder_is_removed(tmp_path):
    (tmp_path / ".partial-grasp").mkdir()
    assert [result.outcome for result in repair(tmp_path)] == [Outcome.REMOVED]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("partial", ["", ".partial-"])
def test_a_file_of_which_nothing_can_be_read_is_reported_and_kept(tmp_path, bag, file, partial):
    file.write_bytes(b"\0" * 5000)
    folder = bag.rename(bag.with_name(partial + bag.name))
    (result,) = repair(tmp_path)
    assert (result.path, result.outcome) == (folder, Outcome.FAILED)
    assert (folder / file.name).stat().st_size == 5000


def test_a_repair_that_is_killed_half_way_is_done_by_the_next(tmp_path, bag, file, monkeypatch):
    cut(file, 0.6)

    def killed(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Recording, "close_raw", killed)
        with pytest.raises(KeyboardInterrupt):
            repair(tmp_path)
    assert [folder.name for folder in find_partial(tmp_path)] == [".partial-grasp"]
    assert [result.outcome for result in repair(tmp_path)] == [Outcome.REPAIRED]
    assert verify(bag) == []
    assert list(find_partial(tmp_path)) == []


def test_scratch_left_by_a_killed_repair_is_cleared(tmp_path, bag, file):
    cut(file, 0.6)
    shutil.copytree(bag, bag.with_name(".repair-grasp"))
    assert [result.outcome for result in repair(tmp_path)] == [Outcome.REPAIRED]
    assert [path.name for path in bag.parent.iterdir()] == ["grasp"]


def test_the_old_file_of_an_episode_that_is_repaired_already_goes(tmp_path, bag, file):
    old = shutil.copytree(bag, bag.with_name(".partial-grasp"))
    cut(old / file.name, 0.6)
    assert [result.outcome for result in repair(tmp_path)] == [Outcome.REMOVED]
    assert verify(bag) == []
    assert not old.exists()


def test_values_that_no_robot_gives_are_reported_not_repaired(tmp_path, make_episode):
    episode = make_episode()
    backwards = type(episode)("grasp", episode.steps[::-1], episode.final, True)
    bag = EpisodeWriter(tmp_path).write(backwards)
    assert "capture stamps run backwards" in verify(bag)
    assert "a step before the last one is terminal" in verify(bag)
    assert [result.outcome for result in repair(tmp_path)] == [Outcome.FAILED]
    assert read_episode(bag).success


def test_a_missing_root_is_an_error(tmp_path):
    with pytest.raises(InvalidInput, match="none: there is no such folder"):
        repair(tmp_path / "none")
