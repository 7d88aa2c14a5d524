"""qtopt episodes: list, info, verify, repair."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from qtopt_agent.cli.main import app
from qtopt_agent.core.episode import Episode, Step
from qtopt_agent.core.observation import Observation
from qtopt_agent.episodes.writer import EpisodeWriter

runner = CliRunner()


def qtopt(*arguments):
    return runner.invoke(app, ["episodes", *map(str, arguments)])


def episode(name, success=True):
    seen = [Observation(np.zeros((4, 4, 3), np.uint8), np.zeros(2, np.float32), i / 4) for i in range(5)]
    action = np.zeros(8, np.float32)
    steps = tuple(Step(seen[i], action, action, 0.5, i == 3) for i in range(4))
    return Episode(name, steps, seen[4], success, policy="scripted", objects=("box",))


@pytest.fixture
def root(tmp_path):
    writer = EpisodeWriter(tmp_path, sync=False)
    for i in range(4):
        writer.write(episode(f"e{i}", success=i > 0))
    return tmp_path


@pytest.fixture
def damaged(root):
    file = next(root.rglob("e2_0.mcap"))
    file.write_bytes(file.read_bytes()[:-1500])
    return file


def test_list_shows_the_newest_and_counts_all(root):
    result = qtopt("list", root, "--last", 2)
    assert result.exit_code == 0
    assert "e3" in result.stdout
    assert "e2" in result.stdout
    assert "e1" not in result.stdout
    assert "2 of 4 episodes" in result.stdout


def test_list_gives_every_column_as_json(root):
    listed = json.loads(qtopt("list", root, "--last", 0, "--json", "-").stdout)
    assert listed["total"] == 4
    assert listed["problems"] == []
    first = listed["episodes"][0]
    assert first["episode_id"] == "e0"
    assert (first["steps"], first["success"], first["reward"], first["rate_hz"]) == (4, False, 2.0, 4.0)
    assert (first["policy"], first["objects"], first["duration"]) == ("scripted", ["box"], 1.0)


def test_list_names_what_it_cannot_read_and_exits_with_1(root, damaged):
    result = qtopt("list", root)
    assert result.exit_code == 1
    assert str(damaged) in result.stderr
    assert "3 of 3 episodes" in result.stdout


def test_info_sums_up_a_folder(root):
    summary = json.loads(qtopt("info", root, "--json", "-").stdout)
    assert (summary["episodes"], summary["steps"], summary["success"], summary["rate_hz"]) == (4, 16, 0.75, 4.0)
    assert summary["bytes"] == sum(file.stat().st_size for file in root.rglob("e*/*"))
    assert "success" in qtopt("info", root).stdout


def test_info_on_one_episode_leaves_no_index_in_it(root):
    folder = next(root.rglob("e1"))
    summary = json.loads(qtopt("info", folder, "--json", "-").stdout)
    assert (summary["episodes"], summary["steps"]) == (1, 4)
    assert sorted(file.name for file in folder.iterdir()) == ["e1_0.mcap", "metadata.yaml"]


def test_verify_says_all_is_well(root):
    result = qtopt("verify", root)
    assert result.exit_code == 0
    assert result.stdout.strip() == "4 episodes checked, 0 problems"


def test_verify_names_damage_and_exits_with_1_and_repair_mends_it(root, damaged):
    result = qtopt("verify", root)
    assert result.exit_code == 1
    assert f"{damaged.parent}: e2_0.mcap: it is cut short" in result.stdout
    found = json.loads(qtopt("verify", root, "--json", "-").stdout)
    assert list(found["problems"]) == [str(damaged.parent)]

    result = qtopt("repair", root)
    assert result.exit_code == 0
    assert f"repaired: {damaged.parent}: " in result.stdout
    assert qtopt("verify", root).exit_code == 0
    assert json.loads(qtopt("repair", root, "--json", "-").stdout) == []


def test_repair_exits_with_1_where_it_fails(root, damaged):
    damaged.write_bytes(b"nothing to be had here")
    result = qtopt("repair", root)
    assert result.exit_code == 1
    assert f"failed: {damaged.parent}" in result.stdout


def test_a_recording_under_way_is_no_problem_for_verify(root):
    recording = EpisodeWriter(root).open("now", profile="compact")
    recording.append(episode("x").steps[0])
    assert qtopt("verify", root).exit_code == 0
    folder = next(root.rglob(".partial-now"))
    recording.discard()
    folder.mkdir()
    assert "recording without an end" in qtopt("verify", root).stdout


@pytest.mark.parametrize("command", ["list", "info", "verify", "repair"])
def test_bad_folders_are_one_line_and_exit_code_2(tmp_path, command):
    (tmp_path / "file").write_text("")
    for folder, reason in [("none", "no such folder"), ("file", "no such folder"), ("", "holds no episode")]:
        result = qtopt(command, tmp_path / folder)
        assert result.exit_code == 2
        assert result.stderr.count("\n") == 1
        assert reason in result.stderr
