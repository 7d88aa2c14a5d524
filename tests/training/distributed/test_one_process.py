"""The ring without Ray, its actors in one process: a whole run, robots' folders, resuming."""

from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.profile import LOWDIM
from qtopt_agent.episodes.reader import find_episodes
from qtopt_agent.episodes.writer import EpisodeWriter
from qtopt_agent.learning.preset import Preset, load_preset
from qtopt_agent.replay.spec import OFF_POLICY, ON_POLICY, RECORDED
from qtopt_agent.replay.store import TransitionStore
from qtopt_agent.rollouts.episode_runner import EpisodeRunner
from qtopt_agent.simulation import make_robot
from qtopt_agent.simulation.scripted import ScriptedPolicy
from qtopt_agent.training.distributed.scale import Scale
from qtopt_agent.training.export import export_run
from qtopt_agent.training.initial import store_spec
from qtopt_agent.training.recorded import Folder
from qtopt_agent.training.run import Training
from qtopt_agent.training.saved_run import read_run

from .one_process import instead_of_ray

pytestmark = pytest.mark.xdist_group("ring in one process")


def small(**changes: object) -> Preset:
    settings = dict(
        steps=100,
        batch_size=4,
        target_lag=8,
        capacity=5_000,
        scripted_episodes=12,
        min_episodes=8,
        episodes_per_1000_steps=400.0,
        publish_every=10,
        checkpoint_every=20,
        evaluate_every=100,
        evaluate_episodes=2,
        evaluation_samples=16,
        evaluation_iterations=1,
    )
    return load_preset("lowdim").changed(**{**settings, **changes})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of one shard."""
    out = tmp_path_factory.mktemp("run")
    with instead_of_ray() as RayTraining:
        outcome = RayTraining(small(), out, Scale(), seed=3).run()
    assert (outcome.steps, outcome.interrupted) == (100, False)
    assert set(outcome.success) == {"train", "validation"}
    return out


def test_a_run_leaves_what_export_and_tensorboard_know(run, tmp_path):
    (run / "commands.txt").write_text("")
    assert (export_run(run, tmp_path, "first", 16, 6, 1) / "manifest.json").exists()
    scalars = set(EventAccumulator(str(run)).Reload().Tags()["scalars"])
    assert scalars >= {"learner/loss", "learner/target_gap", "speed/steps_per_s", "speed/labelled_per_s"}
    assert scalars >= {"ring/target_age", "ring/labelled_waiting", "ring/deaths", "data/on_policy_share"}
    saved = read_run(run)
    assert saved["learner"]["step"] == 100 and saved["episodes"] >= 8 + 36


def test_the_replay_holds_scripted_episodes_and_the_agents_own_and_a_run_goes_on_without_ray(run):
    store = TransitionStore(run / "replay", store_spec(small(), 5_000), False)
    assert store.damage == "" and store.transitions(OFF_POLICY) and store.transitions(ON_POLICY)
    resumed = Training(small(steps=102), run, actors=1, resume=True)
    assert resumed.learner.step_count == 100 and resumed.store.episodes_added == store.episodes_added


def test_folders_are_followed_a_corrupt_episode_is_named_once_and_a_resumed_run_goes_on_with_them(tmp_path, capfd):
    robot, out = tmp_path / "robot", tmp_path / "run"
    out.mkdir()
    cell = make_robot(LOWDIM)
    runner, writer = EpisodeRunner(cell, LOWDIM, cell.succeeded), EpisodeWriter(robot)

    def record(seed: int) -> None:
        writer.write(runner.run(ScriptedPolicy(LOWDIM), np.random.default_rng(seed), seed, f"e{seed}"))

    for seed in range(3):
        record(seed)
    broken = next(next(find_episodes(robot)).glob("*.mcap"))
    broken.write_bytes(broken.read_bytes()[:-100])
    preset, scale = small(steps=20, evaluate_episodes=0), Scale(shards=2)
    with instead_of_ray() as RayTraining:
        training = RayTraining(preset, out, scale, episodes=[Folder(robot)], collect=False)
        training.run()
        assert training.recorded == training.replay.episodes == 2
        assert training.replay.transitions(RECORDED) == training.replay.transitions()
        record(3)
        resumed = RayTraining(preset.changed(steps=30), out, scale, resume=True)
        assert resumed.run().steps == 30 and resumed.recorded == 3
        with pytest.raises(InvalidInput, match="scale shards is 1, expected 2"):
            RayTraining(preset, out, Scale(), resume=True)
    assert capfd.readouterr().err.count("left out:") == 2  # once by each run


def test_what_is_wrong_with_a_run_is_said_in_the_words_that_it_has_without_ray(tmp_path):
    with instead_of_ray() as RayTraining:
        with pytest.raises(InvalidInput, match="prioritised"):
            RayTraining(small().override(["replay=prioritised"]), tmp_path, Scale())
        with pytest.raises(InvalidInput, match="no checkpoint"):
            RayTraining(small(), tmp_path, Scale(), resume=True)
        with pytest.raises(InvalidInput, match=r"expected replay.capacity or replay.gigabytes"):
            RayTraining(small(capacity=0), tmp_path, Scale(shards=2))
        (tmp_path / "replay").mkdir()
        (tmp_path / "replay" / "store.json").write_text("{}")
        with pytest.raises(InvalidInput, match="has format None"):
            RayTraining(small(), tmp_path, Scale())
