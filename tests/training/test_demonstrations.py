"""What a person did in an attempt counts in learning: by the commands that one types, from recordings to a replay."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from qtopt_agent.cli.main import app
from qtopt_agent.core.episode import Episode, Step
from qtopt_agent.core.observation import Observation
from qtopt_agent.core.profile import COMPACT
from qtopt_agent.episodes.reader import iter_episodes
from qtopt_agent.episodes.writer import EpisodeWriter
from qtopt_agent.learning.preset import load_preset
from qtopt_agent.replay.spec import PERSON, RECORDED, StoreSpec
from qtopt_agent.replay.store import TransitionStore

DEMONSTRATED, TAKEN_OVER = (0, 1, 2, 3), (2, 3)  # the steps of six that a person chose
SMALL = "batch_size=8 capacity=500 target_lag=8 cem_samples=8 cem_elites=2 symmetry=false auxiliary_weight=0"


def run(*words: object) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.output


def recorded(name: str, by_person: tuple[int, ...]) -> Episode:
    """Six steps, of which the arm's limits let half of each motion be executed."""
    rng = np.random.default_rng(len(by_person))

    def seen(i: int) -> Observation:
        return Observation(rng.integers(0, 256, (48, 64, 3), np.uint8), rng.random(4, np.float32), 100.0 + i)

    def step(i: int) -> Step:
        asked = COMPACT.action_space.sample(rng)
        done = np.concatenate([asked[:3] / 2, asked[3:]])
        return Step(seen(i), asked, done, float(i == 5), i == 5, by_person=i in by_person)

    return Episode(name, tuple(map(step, range(6))), seen(6), True, policy="random-script")


@pytest.fixture
def episodes(tmp_path: Path) -> Path:
    writer = EpisodeWriter(tmp_path / "episodes")
    writer.write(recorded("a-demonstration", DEMONSTRATED))
    writer.write(recorded("an-intervention", TAKEN_OVER))
    writer.write(recorded("nobody-in-it", ()))
    return tmp_path / "episodes"


def test_a_persons_steps_are_counted_where_one_looks(episodes):
    found = json.loads(run("episodes", "stats", episodes, "--json", "-"))
    assert found["all"]["all"]["by_person"] == len(DEMONSTRATED) + len(TAKEN_OVER)
    assert found["policy"]["random-script"]["episodes"] == 3


def test_demonstrations_and_interventions_are_learned_from_as_a_persons_and_as_executed(episodes, tmp_path):
    settings = [word for each in SMALL.split() for word in ("--set", each)]
    learn = ["--preset", "compact", "--episodes", episodes, "--hold-back", 0, "--steps", 100, "--actors", 0, *settings]
    run("train", "--out", tmp_path / "run", *learn)
    preset = load_preset("compact").override(SMALL.split())
    spec = StoreSpec.of(preset.acting_profile(), preset.replay.capacity, 0)
    store = TransitionStore(tmp_path / "run" / "replay", spec, False)
    assert store.transitions(PERSON) == len(DEMONSTRATED) + len(TAKEN_OVER)
    assert store.transitions(RECORDED) == 18 - store.transitions(PERSON)
    learned = store.sample(200, np.random.default_rng(0), {PERSON: 1.0}).action
    theirs = [step.executed for each in iter_episodes(episodes) for step in each.steps if step.by_person]
    np.testing.assert_array_equal(np.unique(learned, axis=0), np.unique(theirs, axis=0))
