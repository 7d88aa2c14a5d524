"""Runs that keep the camera's whole frames, cut at random when they are learned from: the paper's way, small."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qtopt_agent.core.episode import Episode, Step
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.observation import Observation
from qtopt_agent.core.profile import COMPACT, LOWDIM, PAPER
from qtopt_agent.episodes.writer import EpisodeWriter
from qtopt_agent.learning.preset import load_preset
from qtopt_agent.rollouts.parallel import RolloutPlan, _Worker
from qtopt_agent.rollouts.whole_frames import as_cropped
from qtopt_agent.training.recorded import Folder, with_whole_frames
from qtopt_agent.training.run import Training
from qtopt_agent.training.worker import Order, Worker

pytestmark = pytest.mark.xdist_group("training run")  # so that one process makes what the tests share

# The paper's settings, camera and store, with a network that costs nothing.
SMALL = load_preset("paper-small").changed(
    profile="compact", cell="shoulder", batch_size=4, cem_samples=8, gigabytes=0.03, bf16=False, target_lag=1, steps=2
)
PROFILE = SMALL.acting_profile()


def recorded(name: str, size: tuple[int, int] = (512, 640), profile: str = "compact") -> Episode:
    rng = np.random.default_rng(sum(map(ord, name)))

    def observe(i: int) -> Observation:
        frame = np.full((*size, 3), 40 * i, np.uint8)
        return Observation(frame, rng.random(PROFILE.observation.state_size, np.float32), 100.0 + i)

    def step(i: int) -> Step:
        action = PROFILE.action_space.sample(rng)
        return Step(observe(i), action, action, float(i == 1), i == 1)

    return Episode(name, (step(0), step(1)), observe(2), True, profile=profile)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    EpisodeWriter(tmp_path / "episodes").write(recorded("e"))
    return tmp_path / "episodes"


def test_paper_small_takes_steps_and_goes_on_with_the_store_it_made(tmp_path, folder):
    def run(preset, resume=False):
        episodes = [] if resume else [Folder(folder)]
        return Training(preset, tmp_path / "run", actors=0, episodes=episodes, collect=False, resume=resume)

    training = run(SMALL)
    assert training.store.spec.image_size == (512, 640) and training.store.spec.frame_bytes > 0
    assert training.run().steps == 2
    more = run(SMALL.changed(steps=3), resume=True)
    assert more.store.spec == training.store.spec
    assert more.run().steps == 3
    with pytest.raises(InvalidInput, match=r"setting augmentation.random_crop is True in this run, False"):
        run(SMALL.changed(random_crop=False), resume=True)


def test_what_is_kept_is_the_whole_frame_and_what_is_learned_from_a_part_of_it(tmp_path, folder):
    training = Training(SMALL, tmp_path / "run", actors=0, episodes=[Folder(folder)], collect=False)
    batch = training.store.gather(training.store.rows())
    np.testing.assert_array_equal(batch.next_image[1], np.full((512, 640, 3), 80))
    learned = []
    training.learner.step = lambda batch, sequences: learned.append(batch) or {}
    training._feed.step()
    assert learned[0].image.shape == learned[0].next_image.shape == (4, 32, 32, 3)


def test_pictures_that_are_not_whole_frames_are_refused_with_what_to_do():
    with pytest.raises(InvalidInput, match=r"episode old: image is 472x472 px, expected 640x512 .* --whole-frames, or"):
        with_whole_frames(recorded("old", (472, 472)), PROFILE)
    with pytest.raises(InvalidInput, match="other was recorded for profile paper, not compact"):
        with_whole_frames(recorded("other", profile="paper"), PROFILE)


def test_an_actor_keeps_whole_frames_and_decides_by_the_cells_crop_of_them(monkeypatch):
    worker, shown = Worker(SMALL, 1), []

    def decide(policy, seen, rngs):
        shown.extend(seen)
        return [policy.decide(each, rng) for each, rng in zip(seen, rngs, strict=True)]

    monkeypatch.setattr("qtopt_agent.training.worker.decide_all", decide)
    worker.begin(0, Order("train", 3))
    worker.step()
    (under_way,) = worker._under_way
    assert under_way.attempt.observation.image.shape == (512, 640, 3)
    assert [each.image.shape for each in shown] == [(32, 32, 3)]


def test_the_crop_of_a_simulated_whole_frame_is_the_picture_that_is_simulated_without():
    plans = [RolloutPlan("random", PAPER, whole_frames=whole) for whole in (False, True)]
    plain, whole = (_Worker(plan)._robot.reset(4) for plan in plans)
    assert whole.image.shape == (512, 640, 3)
    seen = as_cropped(whole, PAPER).image
    assert (seen != plain.image).any(-1).mean() < 0.001  # rounding at edges


def test_whole_frames_are_of_a_camera_without_a_lens():
    lens = replace(COMPACT.cell, camera=replace(COMPACT.cell.camera, distortion=(0.1, 0.0, 0.0, 0.0, 0.0)))
    with pytest.raises(InvalidInput, match=r"camera.distortion is \(0.1,"):
        RolloutPlan("random", replace(COMPACT, cell=lens), whole_frames=True)
    with pytest.raises(InvalidInput, match="profile lowdim has no camera"):
        RolloutPlan("random", LOWDIM, whole_frames=True)
