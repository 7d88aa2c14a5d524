"""Whole runs on Ray: the smallest ring, and one whose actors are killed. Skipped where Ray is not installed."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.profile import LOWDIM
from qtopt_agent.episodes.reader import find_episodes
from qtopt_agent.episodes.writer import EpisodeWriter
from qtopt_agent.learning.preset import Preset, load_preset
from qtopt_agent.replay.spec import OFF_POLICY, ON_POLICY
from qtopt_agent.replay.store import TransitionStore
from qtopt_agent.rollouts.episode_runner import EpisodeRunner
from qtopt_agent.simulation import make_robot
from qtopt_agent.simulation.scripted import ScriptedPolicy
from qtopt_agent.training.distributed.scale import Scale, cores
from qtopt_agent.training.distributed.session import LOCAL, ray_session
from qtopt_agent.training.export import export_run
from qtopt_agent.training.initial import store_spec
from qtopt_agent.training.recorded import Folder
from qtopt_agent.training.run import Training
from qtopt_agent.training.saved_run import read_run

pytestmark = [
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: pip install -r requirements/ray.txt"),
    pytest.mark.xdist_group("ray"),
]
PATIENCE = 600  # s, that no healthy run needs
ACTORS = {"collector-0", "shard-0", "shard-1", "updater-0", "updater-1", "trainer-0", "reader-0"}
TWO = Scale(shards=2, updaters=2, batches_per_call=5)


def small(**changes: object) -> Preset:
    settings = dict(
        steps=40,
        batch_size=16,
        target_lag=8,
        capacity=5_000,
        scripted_episodes=12,
        min_episodes=8,
        episodes_per_1000_steps=1500.0,
        publish_every=10,
        checkpoint_every=10,
        evaluate_every=20,
        evaluate_episodes=2,
        evaluation_samples=16,
        evaluation_iterations=1,
    )
    return load_preset("lowdim").changed(**{**settings, **changes})


@pytest.fixture(scope="module", autouse=True)
def ray() -> Iterator[None]:
    """One Ray for all tests here. It must leave nothing behind."""
    token = Path.home() / ".ray" / "auth_token"
    before, folders = token.exists(), set(Path("/tmp").glob("qtopt-ray-*"))
    with ray_session(LOCAL, 2 * cores(1, TWO)):  # a run's actors are there until Ray forgets it
        yield
    assert token.exists() == before
    assert set(Path("/tmp").glob("qtopt-ray-*")) <= folders


def start(*arguments: object, **options: object):
    from qtopt_agent.training.distributed.run import RayTraining

    return RayTraining(*arguments, **options)


def stored(out: Path, preset: Preset, shards: int) -> list[TransitionStore]:
    folders = [out / "replay", *(out / f"replay-{i}" for i in range(1, shards))]
    stores = [TransitionStore(each, store_spec(preset, preset.replay.capacity // shards), False) for each in folders]
    assert [store.damage for store in stores] == [""] * shards
    return stores


def test_the_smallest_ring_leaves_a_run_like_any_other(tmp_path):
    preset, out = small(), tmp_path / "run"
    out.mkdir()
    outcome = start(preset, out, Scale(batches_per_call=5), seed=3).run()
    assert (outcome.steps, outcome.interrupted) == (40, False)
    assert set(outcome.success) == {"train", "validation"}
    saved = read_run(out)
    assert saved["learner"]["step"] == 40 and saved["episodes"] >= 8 + 45
    store = stored(out, preset, 1)[0]
    assert store.episodes_added >= saved["episodes"]  # collectors finished some while it was evaluated
    assert store.transitions(OFF_POLICY) and store.transitions(ON_POLICY)

    (out / "commands.txt").write_text("")
    assert (export_run(out, tmp_path / "models", "first", 16, 6, 1) / "manifest.json").exists()
    Training(small(steps=42), out, actors=1, resume=True).run()  # and it goes on without Ray
    assert read_run(out)["learner"]["step"] == 42


def test_metrics_tell_what_each_stage_does(tmp_path):
    start(small(steps=100, batch_size=4), tmp_path, TWO).run()
    scalars = set(EventAccumulator(str(tmp_path)).Reload().Tags()["scalars"])
    assert scalars >= {"learner/loss", "learner/target_gap", "speed/steps_per_s", "speed/labelled_per_s"}
    assert scalars >= {"ring/target_age", "ring/labelled_waiting", "ring/deaths", "data/on_policy_share"}


@pytest.fixture
def robot(tmp_path: Path) -> Path:
    """A folder that a robot has written four episodes into, of which one is corrupt."""
    folder, cell = tmp_path / "robot", make_robot(LOWDIM)
    runner, writer = EpisodeRunner(cell, LOWDIM, cell.succeeded), EpisodeWriter(folder)
    for seed in range(4):
        writer.write(runner.run(ScriptedPolicy(LOWDIM), np.random.default_rng(seed), seed, f"e{seed}"))
    broken = next(next(find_episodes(folder)).glob("*.mcap"))
    broken.write_bytes(broken.read_bytes()[:-100])
    return folder


class Chaos(threading.Thread):
    """Kills every actor of a run at once, and the trainer once more; ends the run when all have gone on."""

    def __init__(self, training, out: Path) -> None:
        super().__init__(daemon=True)
        self._training, self._out = training, out
        self.seen: list[tuple[int, int, int]] = []
        """Steps and episodes of the checkpoint, and episodes that shards have said they have, as it went."""
        self.trouble = ""

    def run(self) -> None:
        try:
            self._kill(ACTORS)
            self._kill({"trainer-0"})
            self._wait("steps after the last kill", self._has_gone_on)
            self._note()
        except AssertionError as error:
            self.trouble = str(error)
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    def _kill(self, names: set[str]) -> None:
        """Kill these once there is a checkpoint with more steps than the last; returns when they have gone on."""
        processes = self._training.deaths.processes
        self._wait("a checkpoint with more steps", self._has_gone_on)
        self._wait("all actors", lambda: names <= processes.keys())
        self._note()
        before = {name: processes[name] for name in names}
        for process in before.values():
            os.kill(process, signal.SIGKILL)
        self._wait("all to go on", lambda: all(processes[name] != was for name, was in before.items()))
        self._note()

    def _has_gone_on(self) -> bool:
        return read_run(self._out)["learner"]["step"] > self._last()

    def _last(self) -> int:
        return self.seen[-1][0] if self.seen else 0

    def _note(self) -> None:
        saved = read_run(self._out)
        self.seen.append((saved["learner"]["step"], saved["episodes"], self._training.replay.episodes))

    def _wait(self, what: str, ready) -> None:
        end = time.monotonic() + PATIENCE
        while not ready():
            assert time.monotonic() < end, f"waited in vain for {what}"
            time.sleep(0.2)


def test_when_every_kind_of_actor_is_killed_nothing_that_counted_is_lost_and_the_run_goes_on(tmp_path, robot, capfd):
    preset, out = small(steps=10**6, evaluate_every=10**6), tmp_path / "run"
    out.mkdir()
    training = start(preset, out, TWO, seed=5, episodes=[Folder(robot, 0.2)], collect=True)
    chaos = Chaos(training, out)
    chaos.start()
    outcome = training.run()
    chaos.join(PATIENCE)
    assert outcome.interrupted and not chaos.trouble
    assert training.deaths.count >= len(ACTORS) + 1
    for earlier, later in zip(chaos.seen, chaos.seen[1:], strict=False):
        assert all(a <= b for a, b in zip(earlier, later, strict=True))

    saved = read_run(out)["learner"]
    assert saved["step"] == outcome.steps >= chaos.seen[-1][0]
    assert saved["optimizer"]["state"][0]["step"] == saved["targets"]["step"] == outcome.steps
    stores = stored(out, preset, 2)
    assert sum(store.episodes_added for store in stores) == training.replay.episodes == read_run(out)["episodes"]
    assert training.replay.recorded == 3
    told = capfd.readouterr().err
    assert told.count("left out:") == 1 and "trainer-0 died" in told
    assert set(out.glob("*.tmp")) == set()

    with pytest.raises(InvalidInput, match="scale shards is 1, expected 2"):
        start(preset, out, Scale(), resume=True)
    resumed = start(preset.changed(steps=outcome.steps + 5), out, TWO, resume=True)
    assert resumed.run().steps == outcome.steps + 5 and resumed.replay.recorded == 3


def test_what_is_wrong_with_a_run_is_said_in_the_words_that_it_has_without_ray(tmp_path):
    with pytest.raises(InvalidInput, match="prioritised"):
        start(small().override(["replay=prioritised"]), tmp_path, Scale())
    with pytest.raises(InvalidInput, match="no checkpoint"):
        start(small(), tmp_path, Scale(), resume=True)
    (tmp_path / "replay").mkdir()
    (tmp_path / "replay" / "store.json").write_text("{}")
    with pytest.raises(InvalidInput, match=r"replay store .* has format None"):
        start(small(), tmp_path, Scale())
