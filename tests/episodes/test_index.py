"""The index says what the episodes say, however it came about."""

import shutil
import sqlite3
import subprocess
import sys

import pytest

from qtopt_agent.core.errors import InvalidInput, StorageError
from qtopt_agent.episodes.index import EpisodeIndex
from qtopt_agent.episodes.repair import repair
from qtopt_agent.episodes.writer import EpisodeWriter


@pytest.fixture
def writer(tmp_path):
    return EpisodeWriter(tmp_path, sync=False)


def rows(root):
    with EpisodeIndex(root) as index:
        index.update()
        return index.rows()


def rebuilt(root):
    for file in root.glob("index.sqlite*"):
        file.unlink()
    return rows(root)


def test_a_row_describes_its_episode(tmp_path, writer, make_episode):
    folder = writer.write(make_episode(steps=4))
    (row,) = rows(tmp_path)
    assert tmp_path / row.path == folder
    assert (row.episode_id, row.steps, row.success, row.truncated) == ("grasp", 4, True, False)
    assert row.reward == pytest.approx(1 - 3 * 0.01)
    assert (row.profile, row.policy, row.model_version, row.seed) == ("compact", "scripted", "v1", 7)
    assert row.objects == ("box", "tee")
    # Steps are 3/8 s apart from 12.5 s on, whatever rate was asked for.
    assert (row.start, row.duration, row.rate_hz) == (12.5, 1.5, pytest.approx(8 / 3))
    assert row.bytes == sum(file.stat().st_size for file in folder.iterdir())


def test_an_index_grown_step_by_step_equals_a_rebuilt_one(tmp_path, writer, make_episode):
    folders = []
    for i in range(6):
        folders.append(writer.write(make_episode(f"e{i}", steps=2 + i % 3, seed=i)))
        rows(tmp_path)
    shutil.rmtree(folders[1])
    file = next(folders[2].glob("*.mcap"))
    file.write_bytes(file.read_bytes()[:-3000])
    grown = rows(tmp_path)
    assert [row.episode_id for row in grown] == ["e0", "e3", "e4", "e5"]
    assert rebuilt(tmp_path) == grown
    repair(tmp_path)
    grown = rows(tmp_path)
    assert rebuilt(tmp_path) == grown


def test_only_new_and_changed_episodes_are_read(tmp_path, writer, make_episode):
    calls = []
    with EpisodeIndex(tmp_path) as index:
        for name in "ab":
            writer.write(make_episode(name))
            index.update(lambda done, total: calls.append((done, total)))
        index.update(lambda done, total: calls.append((done, total)))
    assert calls == [(1, 1), (1, 1)]


def test_a_corrupt_episode_is_reported_and_not_listed(tmp_path, writer, make_episode):
    writer.write(make_episode("good"))
    bad = writer.write(make_episode("bad"))
    (bad / "metadata.yaml").unlink()
    with EpisodeIndex(tmp_path) as index:
        (problem,) = index.update()
        assert "bad: has no metadata.yaml" in problem
        assert [row.episode_id for row in index.rows()] == ["good"]


def test_partial_recordings_are_not_listed(tmp_path, writer, make_episode):
    recording = writer.open("grasp", profile="compact")
    recording.append(make_episode().steps[0])
    assert rows(tmp_path) == []


def test_a_rate_that_the_stamps_do_not_give_is_none(tmp_path, writer, make_episode):
    episode = make_episode(steps=1)
    writer.write(type(episode)("still", episode.steps, episode.steps[0].observation, True))
    assert rows(tmp_path)[0].rate_hz is None


def test_processes_that_update_at_once_agree(tmp_path, writer, make_episode):
    for i in range(40):
        writer.write(make_episode(f"e{i:02}"))
    program = """
import sys
from qtopt_agent.episodes.index import EpisodeIndex
for _ in range(3):
    with EpisodeIndex(sys.argv[1]) as index:
        index.update()
print(len(index.__class__(sys.argv[1]).rows()))
"""
    processes = [
        subprocess.Popen([sys.executable, "-c", program, tmp_path], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    assert [process.communicate()[0].strip() for process in processes] == ["40"] * 3
    assert rebuilt(tmp_path) == rows(tmp_path)


def test_a_file_that_is_no_index_is_named(tmp_path):
    (tmp_path / "index.sqlite").write_bytes(b"something else, and long enough to be looked at" * 100)
    with pytest.raises(StorageError, match=r"index\.sqlite: file is not a database; it may be deleted"):
        EpisodeIndex(tmp_path)


def test_an_index_of_another_version_is_filled_anew(tmp_path, writer, make_episode):
    writer.write(make_episode())
    expected = rows(tmp_path)
    database = sqlite3.connect(tmp_path / "index.sqlite")
    database.executescript("DROP TABLE episodes; CREATE TABLE episodes (old); PRAGMA user_version = 99")
    database.close()
    assert rows(tmp_path) == expected


@pytest.mark.parametrize(
    "change",
    [
        "episode_id = '../../x'",
        "path = '../../x'",
        "steps = 'many'",
        "success = 0",
        "reward = 1e999",
        "objects = '['",
        "duration = NULL",
        "stamp = ''",
        "digest = ''",
        "model_version = x'ff'",
    ],
)
def test_a_row_that_was_changed_by_hand_is_never_believed(tmp_path, writer, make_episode, change):
    for name in "ab":
        writer.write(make_episode(name))
    expected = rows(tmp_path)
    with sqlite3.connect(tmp_path / "index.sqlite") as database:
        database.execute(f"UPDATE episodes SET {change} WHERE episode_id = 'a'")
    database.close()
    with EpisodeIndex(tmp_path) as index:
        assert [row for row in index.rows() if row not in expected] == []
    assert rows(tmp_path) == expected


def test_a_row_added_by_hand_is_forgotten(tmp_path, writer, make_episode):
    writer.write(make_episode())
    expected = rows(tmp_path)
    with sqlite3.connect(tmp_path / "index.sqlite") as database:
        database.execute("CREATE TEMP TABLE copy AS SELECT * FROM episodes")
        database.execute("UPDATE copy SET path = 'other', digest = ''")
        database.execute("INSERT INTO episodes SELECT * FROM copy")
    database.close()
    assert rows(tmp_path) == expected


def test_somebody_elses_database_is_left_as_it_is(tmp_path):
    with sqlite3.connect(tmp_path / "index.sqlite") as database:
        database.execute("CREATE TABLE photographs (taken)")
        database.execute("INSERT INTO photographs VALUES ('yesterday')")
    with pytest.raises(StorageError, match="another database"):
        EpisodeIndex(tmp_path)
    assert database.execute("SELECT * FROM photographs").fetchall() == [("yesterday",)]
    database.close()


def test_what_is_no_ordinary_file_is_no_index(tmp_path):
    (tmp_path / "index.sqlite").mkdir()
    with pytest.raises(StorageError, match="not an ordinary file"):
        EpisodeIndex(tmp_path)


def test_any_damage_of_the_file_gives_the_same_rows_or_a_refusal(tmp_path, writer, make_episode, mutations):
    writer.write(make_episode())
    expected = rows(tmp_path)
    whole = (tmp_path / "index.sqlite").read_bytes()
    for data in mutations(whole):
        for other in tmp_path.glob("index.sqlite-*"):
            other.unlink()
        (tmp_path / "index.sqlite").write_bytes(data)
        try:
            assert rows(tmp_path) == expected
        except StorageError as error:
            assert "index.sqlite" in str(error)


def test_a_missing_root_is_an_error(tmp_path):
    with pytest.raises(InvalidInput, match="none: there is no such folder"):
        EpisodeIndex(tmp_path / "none")
