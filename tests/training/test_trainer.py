"""A folder of episodes becomes a model that loads, in rounds, and what cannot be learned from is named."""

import dataclasses
import time

import numpy as np
import pytest

from qtopt_agent.core.episode import Episode, Step
from qtopt_agent.core.observation import Observation
from qtopt_agent.core.profile import COMPACT
from qtopt_agent.episodes.writer import EpisodeWriter
from qtopt_agent.models.folder import describe, load
from qtopt_agent.perception.ingest import fit, ingest_spec
from qtopt_agent.training.offline import fit_episode
from qtopt_agent.training.trainer import Trainer, TrainerSettings, TrainerState

SMALL = ("batch_size=8", "capacity=500", "target_lag=8", "cem_samples=8", "cem_elites=2", "symmetry=false")


def episode(seed: int, size: tuple[int, int] = (48, 64)) -> Episode:
    """An attempt recorded by a real camera: larger than the model's picture, nothing privileged."""
    rng = np.random.default_rng(seed)

    def observe(i: int) -> Observation:
        return Observation(rng.integers(0, 256, (*size, 3), np.uint8), rng.random(4, np.float32), 100.0 + i)

    def step(i: int) -> Step:
        action = COMPACT.action_space.sample(rng)
        return Step(observe(i), action, action, float(i == 3), i == 3)

    return Episode(f"e{seed}", tuple(map(step, range(4))), observe(4), True)


@pytest.fixture
def settings(tmp_path) -> TrainerSettings:
    folders = tmp_path / "episodes", tmp_path / "models", tmp_path / "run"
    return TrainerSettings(*folders, settings=SMALL, min_episodes=4, new_episodes=2, steps=100)


def wait(trainer: Trainer) -> None:
    """Until a round that has begun has ended."""
    end = time.monotonic() + 240
    while trainer.tick().state in (TrainerState.TRAINING, TrainerState.PUBLISHING):
        assert time.monotonic() < end, trainer.progress
        time.sleep(0.1)


def test_rounds_publish_models_that_load_and_go_on_from_one_another(settings):
    published = []
    trainer = Trainer(settings, published.append)
    assert trainer.tick().state == TrainerState.WAITING
    assert trainer.progress.text == f"no folder {settings.episodes} yet, the next round begins at 4 episodes"
    writer = EpisodeWriter(settings.episodes)
    for seed in range(3):
        writer.write(episode(seed))
    assert "the next round begins at 4" in trainer.tick().text
    writer.write(dataclasses.replace(episode(3), profile="paper"))
    wait(trainer)
    progress = trainer.progress
    assert (progress.state, progress.episodes, progress.steps) == (TrainerState.WAITING, 4, 100), progress
    assert np.isfinite(progress.loss) and progress.rate > 0
    assert [folder.name for folder in published] == [progress.version]
    policy = load(published[0], COMPACT)
    assert np.isfinite(policy.decide(fit_episode(episode(9), COMPACT).final, np.random.default_rng(0)).q)

    again = Trainer(settings, published.append)  # as after a restart of the node
    assert "the next round begins at 6" in again.tick().text
    for seed in (4, 5):
        writer.write(episode(seed))
    wait(again)
    assert again.progress.steps == 200, again.progress
    assert len(set(published)) == 2
    assert describe(published[1])["training"]["episodes"] == 5  # that of the other profile is left out


def test_a_round_that_fails_says_why_and_leaves_the_models_alone(settings):
    EpisodeWriter(settings.episodes).write(dataclasses.replace(episode(0), profile="paper"))
    trainer = Trainer(dataclasses.replace(settings, min_episodes=1))
    wait(trainer)
    assert trainer.progress.state == TrainerState.FAILED
    assert "holds no episodes to learn from" in trainer.progress.text
    assert not settings.models.exists()
    assert trainer.tick().state == TrainerState.FAILED  # and is not tried again without new episodes


def test_a_round_is_stopped_with_its_trainer(settings):
    EpisodeWriter(settings.episodes).write(episode(0))
    trainer = Trainer(dataclasses.replace(settings, min_episodes=1, steps=10**6))
    end = time.monotonic() + 240
    while trainer.tick().steps == 0 and time.monotonic() < end:
        time.sleep(0.1)
    trainer.stop()
    assert trainer.progress.text == "the round was stopped", trainer.progress
    assert (settings.run / "checkpoint.pt").exists() and not settings.models.exists()


def test_recorded_pictures_are_fitted_as_live_ones_are():
    recorded = episode(0)
    fitted = fit_episode(recorded, COMPACT)
    expected = fit(recorded.steps[1].observation.image, ingest_spec(COMPACT))
    np.testing.assert_array_equal(fitted.steps[1].observation.image, expected)
    assert fitted.final.image.shape == (32, 32, 3)
