"""Whatever the last release wrote is read: README.md says how these files were made."""

import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qtopt_agent.core.nested_settings import by_full_name
from qtopt_agent.core.profile import LOWDIM
from qtopt_agent.documents import read_yaml
from qtopt_agent.episodes.index import EpisodeIndex
from qtopt_agent.episodes.reader import find_episodes, read_episode
from qtopt_agent.episodes.repair import Outcome, repair
from qtopt_agent.episodes.verify import verify as verify_episode
from qtopt_agent.learning.preset import SETTINGS, load_preset
from qtopt_agent.models import folder as models
from qtopt_agent.safety.arm_profile import arm_profile, read_parameters
from qtopt_agent.training.export import export_run
from qtopt_agent.training.run import Training
from qtopt_agent.training.saved_run import preset_of, read_run

HERE = Path(__file__).parent


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """A folder with run/, models/ and episodes/."""
    with tarfile.open(HERE / "473de0f.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path


def test_a_preset_without_groups_means_what_it_did(released: Path) -> None:
    preset, said_then = load_preset(str(HERE / "preset.yaml")), read_yaml(released / "run/preset.yaml")
    assert set(said_then) <= {name.removesuffix(".kind").rpartition(".")[2] for name in SETTINGS}
    then = {name: tuple(v) if isinstance(v, list) else v for name, v in by_full_name(said_then, SETTINGS).items()}
    new = {name: field.default for name, field in SETTINGS.items() if name not in then}
    assert set(name.partition(".")[0] for name in new) <= {"looks", "collection", "loss", "replay", "augmentation"}
    assert preset.settings() == then | new
    assert load_preset(str(released / "run/preset.yaml")) == preset


def test_a_run_goes_on_and_is_a_run_of_today_afterwards(released: Path) -> None:
    run = released / "run"
    preset = preset_of(read_run(run), run)
    assert preset == load_preset(str(HERE / "preset.yaml"))
    assert isinstance(read_run(run)["preset"]["optimizer"], str)
    for steps in (8, 10):
        training = Training(replace(preset, steps=steps), run, actors=0, collect=False, resume=True)
        assert (training.learner.step_count, training.seed) == (steps - 2, 7)
        assert training.store.episodes_held >= 3 and not training.store.damage
        assert training.run().steps == steps
        assert read_run(run)["preset"]["optimizer"]["kind"] == "sgd"
        assert load_preset(str(run / "preset.yaml")).steps == steps
    models.load(export_run(run, released / "models", "later", 16, 4, 2), LOWDIM)


def test_a_model_verifies_and_decides_as_it_did(released: Path) -> None:
    model = released / "models/tiny"
    assert models.verify(model)["training"]["preset"]["optimizer"] == "sgd"
    seen = next(e for e in map(read_episode, find_episodes(released / "episodes")) if e.profile == "lowdim").steps[0]
    decision = models.load(model, LOWDIM).decide(seen.observation, np.random.default_rng(0))
    expected = [-0.02736666, 0.04041246, 0.05154505, -0.5019618, 0.86488974, 0, 0, 1]
    np.testing.assert_allclose(decision.action, expected, atol=1e-3)
    assert decision.q == pytest.approx(0.47183, abs=1e-3)
    again = models.load_policy_pt(model, LOWDIM).decide(seen.observation, np.random.default_rng(0))
    np.testing.assert_allclose(again.action, expected, atol=1e-3)


def test_episodes_and_their_index_are_read_and_verify(released: Path) -> None:
    folders = sorted(find_episodes(released / "episodes"), key=lambda folder: folder.name)
    assert [verify_episode(folder) for folder in folders] == [[], []]
    scripted, learned = map(read_episode, folders)
    assert (scripted.profile, scripted.policy, scripted.success, len(scripted.steps)) == (
        "lowdim",
        "scripted",
        False,
        8,
    )
    assert (learned.profile, learned.policy, learned.success, len(learned.steps)) == ("compact", "compact-1", True, 7)
    assert all(not step.by_person and np.isnan(step.log_density) for step in (*scripted.steps, *learned.steps))
    assert learned.total_reward == pytest.approx(0.94)
    assert learned.steps[0].observation.image.shape == (32, 32, 3)
    assert learned.steps[0].observation.image.mean() == pytest.approx(86.7855, abs=1e-3)
    with EpisodeIndex(released / "episodes") as index:
        assert [row.episode_id for row in index.rows()] == [folder.name for folder in folders]


def test_an_arm_is_what_it_was() -> None:
    arm = arm_profile(read_parameters(HERE / "arm.yaml"))
    assert (arm.base_frame, arm.tip_frame, arm.output_topic) == (
        "fr3_link0",
        "fr3_hand_tcp",
        "cartesian_motion_controller/target_frame",
    )
    np.testing.assert_allclose(arm.tool, [1, 0, 0, 0])
    assert (arm.gripper.interface, arm.gripper.aperture(0.04)) == ("gripper_command", pytest.approx(0.08))


def test_a_cut_recording_is_repaired_into_one_of_today(released: Path) -> None:
    folder = max(find_episodes(released / "episodes"))
    before = read_episode(folder)
    (file,) = folder.glob("*.mcap")
    file.write_bytes(file.read_bytes()[: file.stat().st_size * 2 // 3])
    assert [result.outcome for result in repair(released / "episodes")] == [Outcome.REPAIRED]
    assert verify_episode(folder) == []
    after = read_episode(folder)
    assert 0 < len(after.steps) < len(before.steps)
    for old, new in zip(before.steps, after.steps, strict=False):
        np.testing.assert_array_equal(new.executed, old.executed)
        assert (new.reward, new.command_stamp, new.by_person) == (old.reward, old.command_stamp, False)
