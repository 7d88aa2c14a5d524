"""Success is told from pictures of the simulated bin under other light and noise, and from the jaw."""

import mujoco
import numpy as np
import pytest

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.profile import LOWDIM
from qtopt_agent.perception.success import SuccessDetector, SuccessSettings
from qtopt_agent.simulation import make_robot
from qtopt_agent.simulation.rays import RayCamera

BIN = SuccessSettings(region=(0.26, 0.42, 0.75, 0.87))  # where the shoulder camera sees it
DETECTOR = SuccessDetector(BIN)
CASES = 200


def photograph(image, rng, exposure=0.0):
    """A picture as a camera takes it: other exposure and white balance, and noise."""
    gain = (1 + rng.uniform(-exposure, exposure)) * rng.uniform(1 - exposure / 4, 1 + exposure / 4, 3)
    return np.clip(image * gain + rng.normal(0, 4, image.shape), 0, 255).astype(np.uint8)


def drop(seed):
    """Pictures of a bin before and after the jaw opened above it, and whether an object fell."""
    rng = np.random.default_rng(seed)
    robot = make_robot(LOWDIM, "validation", (1, 4))
    robot.reset(seed)
    model, data = robot._model, robot._data
    data.qpos[:3] = (0, 0, 0.6)  # the hand is out of view
    mujoco.mj_forward(model, data)
    camera = RayCamera("shoulder", (135, 180), oversample=1)
    light = np.array(robot._appearance.light)
    after = camera.render(model, data, light)
    fell = bool(rng.random() < 0.5)
    if fell:
        i = int(rng.integers(len(robot.object_names)))
        data.qpos[6 + 7 * i : 9 + 7 * i] = (3, 3, 0.1)
        mujoco.mj_forward(model, data)
    other = light + [*rng.normal(0, 0.05, 2), 0]  # noqa: RUF005
    before = camera.render(model, data, other / np.linalg.norm(other))
    return photograph(before, rng, 0.2), photograph(after, rng), fell


@pytest.fixture(scope="module")
def drops():
    return [drop(seed) for seed in range(CASES)]


def test_hardly_a_drop_is_judged_wrong(drops, record_property):
    verdicts = [DETECTOR.by_images(before, after).success for before, after, _ in drops]
    fell = [fell for *_, fell in drops]
    false_positives = sum(v and not f for v, f in zip(verdicts, fell, strict=True))
    false_negatives = sum(f and not v for v, f in zip(verdicts, fell, strict=True))
    record_property("false positives", f"{false_positives}/{CASES - sum(fell)}")
    record_property("false negatives", f"{false_negatives}/{sum(fell)}")
    print(f"false positives {false_positives}/{CASES - sum(fell)}, false negatives {false_negatives}/{sum(fell)}")
    assert 60 < sum(fell) < 140
    assert false_positives <= 2
    assert false_negatives <= 2


def test_a_sure_verdict_is_right_more_often_than_an_unsure_one(drops):
    sure = [v for before, after, _ in drops if (v := DETECTOR.by_images(before, after)).confidence > 0.99]
    assert len(sure) > CASES / 2


def test_what_happens_outside_the_bin_does_not_count(drops):
    before, after, _ = next(case for case in drops if not case[2])
    after = after.copy()
    after[:50] = 255
    assert not DETECTOR.by_images(before, after).success


@pytest.mark.parametrize(
    ("aperture", "effort", "holds"),
    [
        (0.03, np.nan, True),
        (0.03, 10.0, True),
        (0.03, 0.5, False),
        (0.001, np.nan, False),
        (0.001, 15.0, False),
        (0.085, np.nan, False),
    ],
)
def test_a_jaw_holds_something_if_it_is_neither_shut_nor_open(aperture, effort, holds):
    assert DETECTOR.by_jaw(aperture, effort).success is holds


def test_a_jaw_that_was_not_told_to_close_holds_nothing_whatever_presses_it_together(drops):
    before, after, _ = next(case for case in drops if case[2])
    assert DETECTOR.judge(0.03).success
    assert not DETECTOR.judge(0.03, closed=False).success
    assert not DETECTOR.judge(0.03, np.nan, before, after, closed=False).success


def test_a_jaw_near_a_threshold_is_no_sure_sign():
    assert DETECTOR.by_jaw(0.0031).confidence < 0.6 < DETECTOR.by_jaw(0.02).confidence


def test_agreement_makes_surer_and_the_surer_one_decides(drops):
    before, after, _ = next(case for case in drops if case[2])
    seen = DETECTOR.by_images(before, after)
    assert DETECTOR.judge(0.0035, np.nan, before, after).confidence >= seen.confidence
    lost_on_the_way = DETECTOR.judge(0.0025, np.nan, before, after)
    assert lost_on_the_way.success and lost_on_the_way.confidence < seen.confidence
    assert "disagree" in lost_on_the_way.reason
    assert DETECTOR.judge(0.03) == DETECTOR.by_jaw(0.03)


def test_bad_measurements_are_refused():
    picture = np.zeros((48, 64, 3), np.uint8)
    with pytest.raises(InvalidInput, match="aperture"):
        DETECTOR.by_jaw(np.nan)
    for wrong in (picture[:24], picture.astype(float), picture[..., 0]):
        with pytest.raises(InvalidInput, match="image"):
            DETECTOR.by_images(picture, wrong)
    with pytest.raises(InvalidInput, match="region"):
        SuccessSettings(region=(0.5, 0.0, 0.4, 1.0))
    with pytest.raises(InvalidInput, match="apertures"):
        SuccessSettings(empty_aperture=0.09)
