"""Recorded episodes are learned from as the agent saw them, each folder for its share of a batch."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qtopt_agent.agent.inputs import AgentInputs, InputLimits
from qtopt_agent.cells.cell_file import load_cell
from qtopt_agent.core.episode import Episode, Step
from qtopt_agent.core.errors import CorruptEpisode, InvalidInput
from qtopt_agent.core.observation import Observation
from qtopt_agent.core.profile import COMPACT, DETAILED, LOWDIM
from qtopt_agent.episodes.message_types import IMAGE, from_cdr, to_cdr
from qtopt_agent.episodes.messages import image_message, rgb
from qtopt_agent.episodes.reader import read_episode
from qtopt_agent.episodes.split import held_back
from qtopt_agent.episodes.writer import EpisodeWriter
from qtopt_agent.perception.ingest import RawImage
from qtopt_agent.safety.motion import Pose
from qtopt_agent.training.recorded import Folder, as_seen, learning_episodes, parse_folder, shares_of

LENS = replace(load_cell("d435_wrist").camera, distortion=(0.1, -0.2, 0.001, -0.002, 0.05))
CAMERAS = {"embedded": DETAILED.cell.camera, "d435_wrist": load_cell("d435_wrist").camera, "with a lens": LENS}


def recorded(name: str, size: tuple[int, int] = (480, 640), steps: int = 2, profile: str = "detailed") -> Episode:
    rng = np.random.default_rng(sum(map(ord, name)))

    def observe(i: int) -> Observation:
        return Observation(rng.integers(0, 256, (*size, 3), np.uint8), rng.random(8, np.float32), 100.0 + i)

    def step(i: int) -> Step:
        action = DETAILED.action_space.sample(rng)
        return Step(observe(i), action, action, float(i == steps - 1), i == steps - 1)

    return Episode(name, tuple(map(step, range(steps))), observe(steps), True, profile=profile)


@pytest.mark.parametrize("camera", CAMERAS)
@pytest.mark.parametrize("encoding", ["rgb8", "bgr8"])
def test_a_recorded_picture_is_to_the_bit_what_the_agent_saw(tmp_path, camera, encoding):
    profile = replace(DETAILED, cell=replace(load_cell("d435_wrist"), camera=CAMERAS[camera]))
    episode = recorded("e", (CAMERAS[camera].height, CAMERAS[camera].width))
    message = from_cdr(IMAGE, to_cdr(IMAGE, image_message(episode.final)))
    if encoding == "bgr8":
        message.encoding, message.data = "bgr8", episode.final.image[..., ::-1].ravel()
    inputs = AgentInputs(profile, InputLimits())
    inputs.image(RawImage(message.data, encoding, message.height, message.width, message.step), 102.0)
    inputs.gripper(0.05, False, 102.0)
    inputs.tips(Pose(np.array([0.0, 0.0, 0.1]), 0.0), 102.0)
    live = inputs.observe(102.0, 0.0, 0.1)
    EpisodeWriter(tmp_path).write(replace(episode, final=replace(episode.final, image=rgb(message))))
    (read,) = learning_episodes(tmp_path, profile, 0.0)
    assert read.final.image.shape == (64, 64, 3)
    np.testing.assert_array_equal(read.final.image, live.image)
    np.testing.assert_array_equal(read.final.state, episode.final.state)


def test_a_picture_of_another_size_than_the_cells_camera_gives_is_refused():
    profile = replace(DETAILED, cell=replace(load_cell("d435_wrist"), camera=LENS))
    with pytest.raises(InvalidInput, match="image is 320x240 px"):
        as_seen(recorded("e", (240, 320)), profile)


def test_an_episode_of_another_profile_is_refused_or_left_out_and_named(tmp_path):
    EpisodeWriter(tmp_path).write(recorded("other", (48, 64), profile="paper"))
    EpisodeWriter(tmp_path).write(recorded("ours", (96, 96)))
    with pytest.raises(InvalidInput, match="other was recorded for profile paper, not detailed"):
        list(learning_episodes(tmp_path, DETAILED, 0.0))
    skipped: list[str] = []
    assert [each.episode_id for each in learning_episodes(tmp_path, DETAILED, 0.0, skipped.append)] == ["ours"]
    assert len(skipped) == 1 and "profile paper" in skipped[0]


def test_episodes_without_pictures_are_taken_as_they_are():
    episode = replace(recorded("e", (0, 0)), profile="lowdim")
    assert as_seen(episode, LOWDIM) is episode


def test_what_is_held_back_never_changes_side_and_grows_with_the_share():
    names = [f"20261128T{i:06d}Z" for i in range(2_000)]
    fifth = {name for name in names if held_back(name, 0.2)}
    assert len(fifth) == pytest.approx(400, abs=60)
    assert fifth <= {name for name in names if held_back(name, 0.5)}
    assert not any(held_back(name, 0.0) for name in names) and all(held_back(name, 1.0) for name in names)
    with pytest.raises(InvalidInput, match=r"share held back is 1\.5"):
        held_back("a", 1.5)


def test_what_is_held_back_is_not_learned_from(tmp_path):
    writer = EpisodeWriter(tmp_path)
    for i in range(12):
        writer.write(recorded(f"e{i}", (70, 70), steps=1))
    learned = {each.episode_id for each in learning_episodes(tmp_path, DETAILED, 0.4)}
    assert learned == {f"e{i}" for i in range(12) if not held_back(f"e{i}", 0.4)} and 0 < len(learned) < 12


@pytest.mark.parametrize(
    ("given", "simulated", "expected"),
    [
        ([None], 0.5, [0.5]),
        ([None, None], 0.5, [0.25, 0.25]),
        ([0.3, None], 0.5, [0.3, 0.2]),
        ([0.3, 0.2], 0.5, [0.3, 0.2]),
        ([0.4, 0.6], 0.0, [0.4, 0.6]),
        ([None, 0.6], 0.0, [0.4, 0.6]),
        ([], 0.0, []),
    ],
)
def test_folders_without_a_share_divide_what_others_and_the_simulation_leave(given, simulated, expected):
    folders = [Folder(Path("a"), share) for share in given]
    assert shares_of(folders, simulated) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("given", "simulated", "match"),
    [([0.7, 0.4], 0.5, "at most 1"), ([0.5, None], 0.5, "something left"), ([0.5], 0.0, "expected 1 together")],
)
def test_shares_that_do_not_add_up_are_refused(given, simulated, match):
    with pytest.raises(InvalidInput, match=match):
        shares_of([Folder(Path("a"), share) for share in given], simulated)


def test_a_folder_may_have_a_share_behind_its_name_and_an_equals_sign_in_it(tmp_path):
    for name in ("a", "b=c"):
        EpisodeWriter(tmp_path / name).write(recorded("e", (64, 64), steps=1))
    assert parse_folder(f"{tmp_path}/a=0.25") == Folder(tmp_path / "a", 0.25)
    assert parse_folder(f"{tmp_path}/a") == Folder(tmp_path / "a")
    assert parse_folder(f"{tmp_path}/b=c") == Folder(tmp_path / "b=c")
    with pytest.raises(InvalidInput, match=r"share of .*a is 1\.5, expected above 0 and at most 1"):
        parse_folder(f"{tmp_path}/a=1.5")
    with pytest.raises(InvalidInput, match="there is no such folder"):
        parse_folder(f"{tmp_path}/none")


def test_a_damaged_episode_is_an_error_unless_somebody_is_told(tmp_path):
    folder = EpisodeWriter(tmp_path).write(recorded("e", (64, 64)))
    (file,) = folder.glob("*.mcap")
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(CorruptEpisode):
        read_episode(folder)
    with pytest.raises(CorruptEpisode):
        list(learning_episodes(tmp_path, COMPACT, 0.0))
    skipped: list[str] = []
    assert list(learning_episodes(tmp_path, COMPACT, 0.0, skipped.append)) == [] and len(skipped) == 1
