"""A folder of episodes and the model that runs become candidates, in rounds; none is put in force."""

import dataclasses
import time
from pathlib import Path

import numpy as np
import pytest

from qtopt_agent.core.episode import Episode, Step
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.observation import Observation
from qtopt_agent.core.profile import COMPACT
from qtopt_agent.episodes.writer import EpisodeWriter
from qtopt_agent.maximizers import CEM
from qtopt_agent.models.current import read_current
from qtopt_agent.models.folder import describe, load
from qtopt_agent.models.promotion import promote
from qtopt_agent.models.publish import publish
from qtopt_agent.q_functions import make_q_function
from qtopt_agent.training.comparison import read_comparison
from qtopt_agent.training.offline import Round, train
from qtopt_agent.training.recorded import as_seen
from qtopt_agent.training.trainer import Trainer, TrainerSettings, TrainerState

SMALL = (
    *("batch_size=8", "capacity=500", "target_lag=8", "cem_samples=8", "cem_elites=2", "symmetry=false"),
    *("auxiliary_weight=0", "learning_rate=1e-4"),
)


def episode(seed: int, size: tuple[int, int] = (48, 64)) -> Episode:
    """An attempt recorded by a real camera: larger than the model's picture, nothing privileged."""
    rng = np.random.default_rng(seed)

    def observe(i: int) -> Observation:
        return Observation(rng.integers(0, 256, (*size, 3), np.uint8), rng.random(4, np.float32), 100.0 + i)

    def step(i: int) -> Step:
        action = COMPACT.action_space.sample(rng)
        return Step(observe(i), action, action, float(i == 3), i == 3)

    return Episode(f"e{seed}", tuple(map(step, range(4))), observe(4), bool(seed % 2))


@pytest.fixture
def settings(tmp_path, model) -> TrainerSettings:
    folders = tmp_path / "episodes", model.parent, tmp_path / "candidates", tmp_path / "run"
    return TrainerSettings(*folders, "compact", SMALL, min_episodes=4, new_episodes=2, steps=100)


def wait(trainer: Trainer) -> None:
    """Until a round that has begun has ended."""
    end = time.monotonic() + 240
    while trainer.tick().state in (TrainerState.TRAINING, TrainerState.PUBLISHING):
        assert time.monotonic() < end, trainer.progress
        time.sleep(0.1)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_rounds_publish_candidates_beside_the_models_that_run_and_put_none_in_force(settings, model):
    published, before = [], contents(model.parent)
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
    assert "does not win" in progress.text or "is not compared" in progress.text
    policy = load(published[0], COMPACT)
    assert np.isfinite(policy.decide(as_seen(episode(9), COMPACT).final, np.random.default_rng(0)).q)
    assert describe(published[0])["training"]["init"] == "untrained"
    assert contents(model.parent) == before and read_current(model.parent) is None

    again = Trainer(settings, published.append)  # as after a restart of the node
    assert "the next round begins at 6" in again.tick().text
    for seed in (4, 5):
        writer.write(episode(seed))
    wait(again)
    assert len(set(published)) == 2 and again.progress.steps == 100
    assert not (settings.run / "round").exists()


def test_a_round_begins_with_the_model_that_the_agent_runs(settings, model, tmp_path):
    search = CEM(COMPACT.action_space, samples=8, elites=2, iterations=1)
    other = publish(tmp_path / "other", "second", COMPACT, make_q_function(COMPACT, seed=5), search, {})
    promote(model, model.parent, "test")
    promote(other, model.parent, "test")
    trainer = Trainer(settings)
    assert trainer._incumbent() == model.parent / "second"
    trainer.running = "untrained"  # loaded by hand
    assert trainer._incumbent() == model
    trainer.running = "somewhere else"
    assert trainer._incumbent() == model.parent / "second"


def test_candidates_never_go_where_the_agent_looks_for_models(settings, model):
    for place in (model, model.parent):
        with pytest.raises(InvalidInput, match=r"candidates is .*, the store of the models that run"):
            dataclasses.replace(settings, model=place, candidates=model.parent)


def test_a_candidate_is_compared_with_the_model_it_began_with(settings, model):
    writer = EpisodeWriter(settings.episodes)
    for seed in range(8):
        writer.write(episode(seed))
    order = Round(
        *(str(settings.episodes), str(settings.run), str(model), str(settings.candidates), "new", "compact"),
        settings=SMALL,
        steps=100,
        hold_back=0.5,
    )
    said = []
    candidate = train(order, said.append)
    found = read_comparison(candidate, model)
    assert (found["incumbent"], found["candidate"], found["won"]) == ("untrained", "new", False)
    assert 0 < found["episodes"] < 8 and "expected at least 30" in found["reasons"][0]
    assert said[-1] == {"compared": True, "text": f"new does not win: {found['reasons'][0]}"}


def test_a_round_that_fails_says_why_and_leaves_no_candidate(settings):
    EpisodeWriter(settings.episodes).write(dataclasses.replace(episode(0), profile="paper"))
    trainer = Trainer(dataclasses.replace(settings, min_episodes=1))
    wait(trainer)
    assert trainer.progress.state == TrainerState.FAILED
    assert "holds no episodes to learn from" in trainer.progress.text
    assert not settings.candidates.exists()
    assert trainer.tick().state == TrainerState.FAILED  # and is not tried again without new episodes


def test_a_round_is_stopped_with_its_trainer(settings):
    EpisodeWriter(settings.episodes).write(episode(0))
    trainer = Trainer(dataclasses.replace(settings, min_episodes=1, steps=10**6, hold_back=0.0))
    end = time.monotonic() + 240
    while trainer.tick().steps == 0 and time.monotonic() < end:
        time.sleep(0.1)
    trainer.stop()
    assert trainer.progress.text == "the round was stopped", trainer.progress
    assert not settings.candidates.exists()
