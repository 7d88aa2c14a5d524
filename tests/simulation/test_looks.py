"""Looks that vary: what an episode's seed decides, and that each range is felt where it should be."""

from dataclasses import replace

import numpy as np
import pytest

from qtopt_agent.core.action import Action, GripperCommand
from qtopt_agent.core.cell import EMBEDDED, SHOULDER
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.looks import Looks, only
from qtopt_agent.core.profile import COMPACT, LOWDIM
from qtopt_agent.rollouts.episode_runner import EpisodeRunner
from qtopt_agent.simulation import make_robot
from qtopt_agent.simulation.looks import Look
from qtopt_agent.simulation.scripted import ScriptedPolicy
from qtopt_agent.simulation.textures import Surfaces

DOWN = Action(np.array([0.02, 0.01, -0.05], dtype=np.float32), 0.3)
RANDOMISED = Looks("randomised")


def _seen(looks: Looks, seeds: range = range(6), profile=COMPACT) -> np.ndarray:
    """First pictures of some episodes."""
    robot = make_robot(profile, clutter=(1, 3), looks=looks)
    return np.stack([robot.reset(seed).image for seed in seeds]).astype(float)


def _episode(looks: Looks, seed: int, robot=None) -> bytes:
    robot = robot or make_robot(COMPACT, clutter=(1, 3), looks=looks)
    runner = EpisodeRunner(robot, COMPACT, robot.succeeded)
    episode = runner.run(ScriptedPolicy(COMPACT), np.random.default_rng(seed), seed, "")
    seen = [step.observation for step in episode.steps]
    return b"".join(each.tobytes() for o in seen for each in (o.image, o.state, o.privileged))


def test_the_same_seed_gives_the_same_episode_whatever_was_before():
    robot = make_robot(COMPACT, clutter=(1, 3), looks=RANDOMISED)
    once = [_episode(RANDOMISED, seed) for seed in range(3)]
    assert len(set(once)) == 3
    assert [_episode(RANDOMISED, seed, robot) for seed in (2, 0, 1)] == [once[2], once[0], once[1]]


def test_every_seed_draws_looks_of_its_own():
    first, again, second = Look(RANDOMISED, 1), Look(RANDOMISED, 1), Look(RANDOMISED, 2)
    assert first.photograph == again.photograph != second.photograph
    assert first.lens(EMBEDDED.camera) == again.lens(EMBEDDED.camera) != second.lens(EMBEDDED.camera)
    names = ("picture_age", "motion_error", "friction", "mass", "jaw_force")
    assert all(getattr(first, name) == getattr(again, name) != getattr(second, name) for name in names)


def test_pictures_are_new_or_as_old_as_can_be_more_often_than_between():
    ages = np.array([Look(replace(RANDOMISED, picture_age=(0.2, 0.8)), seed).picture_age for seed in range(300)])
    assert ages.min() >= 0.2 and ages.max() <= 0.8
    assert np.mean(ages < 0.26) > 0.14 and np.mean(ages > 0.74) > 0.14  # 0.1 each where drawn evenly


def test_plain_looks_are_what_there_is_without_any_and_ranges_without_width_are_as_good():
    assert _episode(Looks(), 4) == _episode(Looks("plain", exposure=(1.0, 2.0)), 4)
    plain, still = make_robot(COMPACT, clutter=(1, 3)), make_robot(COMPACT, clutter=(1, 3), looks=only())
    for seed in range(3):
        a, b = plain.reset(seed), still.reset(seed)
        for _ in range(4):
            assert np.abs(a.image.astype(int) - b.image).max() <= 1
            np.testing.assert_array_equal(a.state, b.state)
            plain.execute(DOWN), still.execute(DOWN)
            a, b = plain.observe(), still.observe()


def test_one_part_that_varies_leaves_the_others_as_they_are():
    np.testing.assert_array_equal(
        make_robot(COMPACT, looks=Looks("picture")).reset(1).state, make_robot(COMPACT).reset(1).state
    )
    assert Look(Looks("camera"), 3).lens(EMBEDDED.camera) == Look(RANDOMISED, 3).lens(EMBEDDED.camera)
    assert Look(Looks("physics"), 3).friction == Look(RANDOMISED, 3).friction
    assert Look(Looks("picture"), 3).friction == 1.0


def test_exposure_warmth_and_saturation_change_pictures_as_they_say():
    plain = _seen(only())
    assert _seen(only(exposure=(-1.0, -1.0))).mean() == pytest.approx(plain.mean() / 2, rel=0.02)
    assert _seen(only(exposure=(1.0, 1.0))).mean() > 1.5 * plain.mean()
    warm, cold = _seen(only(warmth=(0.4, 0.4))), _seen(only(warmth=(-0.4, -0.4)))
    assert (warm[..., 0] >= plain[..., 0] - 1).all() and (warm[..., 2] <= plain[..., 2] + 1).all()
    assert (cold[..., 0] <= plain[..., 0] + 1).all() and (cold[..., 2] >= plain[..., 2] - 1).all()
    assert np.ptp(_seen(only(saturation=(0.0, 0.0))), axis=-1).max() <= 1
    assert np.ptp(_seen(only(saturation=(1.6, 1.6))), axis=-1).mean() > 1.3 * np.ptp(plain, axis=-1).mean()


def test_noise_has_the_deviation_that_it_says_and_is_another_at_every_picture():
    robot, plain = make_robot(COMPACT, looks=only(pixel_noise=(8.0, 8.0))), make_robot(COMPACT)
    noise = [robot.reset(2).image.astype(float) - plain.reset(2).image, robot.observe().image - plain.observe().image]
    assert noise[0].std() == pytest.approx(8, rel=0.1) and abs(noise[0].mean()) < 1
    assert (noise[0] != noise[1]).mean() > 0.5


def test_blur_takes_edges_away_and_jpeg_leaves_its_blocks():
    plain, blurred = _seen(only()), _seen(only(blur=(1.5, 1.5)))

    def edges(pictures):
        return np.abs(np.diff(pictures, axis=1)).mean()

    assert edges(blurred) < 0.7 * edges(plain)
    assert blurred.mean() == pytest.approx(plain.mean(), abs=1.5)  # the border goes on as it is
    fine, coarse = (np.abs(_seen(only(jpeg=1.0, jpeg_quality=(q, q))) - plain).mean() for q in (95, 20))
    assert 0 < fine < coarse / 2


def test_patterns_and_colours_of_surfaces_are_felt():
    plain = _seen(only())
    for patterns in ("waves", "noise"):
        faint, strong = (
            np.abs(_seen(only(textured=1.0, patterns=patterns, pattern_contrast=(c, c))) - plain).mean()
            for c in (0.1, 0.8)
        )
        assert 0.5 < faint < strong / 3
    fine, broad = (
        np.abs(np.diff(_seen(only(textured=1.0, pattern_period=(p, p))), axis=2)).mean() for p in (0.03, 1.0)
    )
    assert fine > 1.2 * broad
    surroundings = np.abs(_seen(only(coloured_surroundings=1.0)) - plain)
    assert (np.median(surroundings, (1, 2)).max(1) > 5).mean() > 0.8


@pytest.mark.parametrize(
    ("share", "right"),
    [
        ("grey_objects", lambda colour: np.ptp(colour) < 0.07),
        ("white_objects", lambda colour: colour.min() > 0.8),
        ("black_objects", lambda colour: colour.max() < 0.16),
    ],
)
def test_objects_are_grey_white_or_black_in_their_share(share, right):
    for value in (0.0, 1.0):
        shown = []
        for seed in range(12):
            robot = make_robot(COMPACT, "validation", (3, 3), looks=only(**{share: value}))
            robot.reset(seed)
            first = robot._shading.surfaces.first.T
            shown += [right(first[robot._model.geom_bodyid == body][0]) for body in robot._bodies]
        assert np.mean(shown) == pytest.approx(value, abs=0.15)


def test_parts_of_a_many_coloured_object_differ():
    robot = make_robot(COMPACT, "validation", looks=only(many_coloured_objects=1.0))
    counts = []
    for seed in range(8):
        robot.reset(seed)
        mine = robot._shading.surfaces.first.T[robot._model.geom_bodyid == robot._bodies[0]]
        counts.append(len(np.unique(mine, axis=0)) == len(mine))
    assert all(counts)


def test_a_pattern_moves_with_its_shape():
    rng = np.random.default_rng(0)
    for patterns in ("waves", "noise"):
        looks = Looks("randomised", textured=1.0, patterns=patterns)
        surfaces = Surfaces.draw(looks, rng.random((2, 3)), np.arange(2), np.random.default_rng(1))
        turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        shapes, local, camera = np.array([1] * 50, np.int32), rng.uniform(-0.05, 0.05, (50, 3)), rng.random(3)
        places, still = rng.random((2, 3)), np.tile(np.eye(3).ravel(), (2, 1))
        before = surfaces.at(shapes, places, still, camera, local + places[1] - camera)
        moved, turned = places + 0.1, np.tile(turn.ravel(), (2, 1))
        after = surfaces.at(shapes, moved, turned, camera, local @ turn.T + moved[1] - camera)
        assert np.abs(before - after).max() < 0.03 or patterns == "noise"  # at the border of two cells
        assert np.abs(before - after).mean() < 0.005 and before.std() > 0.01


def test_lights_ambient_and_shadows_are_felt():
    plain = _seen(only())
    dim, flat = _seen(only(ambient=(0.0, 0.0))), _seen(only(ambient=(1.0, 1.0)))
    assert dim.mean() < plain.mean() < flat.mean()
    assert np.abs(_seen(only(lights=(4, 4))) - plain).max() > 10
    shaded = _seen(only(shadows=1.0))
    assert (shaded <= plain + 1).all() and (plain - shaded > 20).any()


def test_a_camera_that_is_off_sees_what_one_there_would_see():
    plain = _seen(only())
    for setting, value in (("camera_shift", 0.02), ("camera_turn", 5.0), ("camera_view", 0.2), ("camera_centre", 0.1)):
        near, far = (np.abs(_seen(only(**{setting: v})) - plain).mean() for v in (value / 10, value))
        assert near < far and far > 2, setting
    look = Look(only(camera_shift=0.02, camera_turn=5.0, camera_view=0.2, camera_centre=0.1), 0)
    for camera in (EMBEDDED.camera, SHOULDER.camera):
        position, axes = look.camera_pose(camera)
        np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-9)
        angle = np.degrees(np.arccos((np.trace(axes.T @ camera.rotation) - 1) / 2))
        assert 0 < angle < 5 * np.sqrt(3) + 0.1 and 0 < np.abs(position - camera.position).max() <= 0.02
        fx, fy, cx, cy = look.lens(camera).intrinsics
        was = camera.intrinsics
        assert fx / was[0] == pytest.approx(fy / was[1]) and 0.8 <= fx / was[0] <= 1.2
        assert max(abs(cx - was[2]), abs(cy - was[3])) <= 0.1 * camera.height


def test_a_picture_one_step_old_is_that_of_the_step_before():
    lagging, prompt = make_robot(COMPACT, looks=only(picture_age=(1.0, 1.0))), make_robot(COMPACT, looks=only())
    before = prompt.reset(3)
    lagging.reset(3)
    for robot in (lagging, prompt):
        robot.execute(DOWN)
    np.testing.assert_array_equal(lagging.observe().image, before.image)
    np.testing.assert_array_equal(lagging.observe().state, prompt.observe().state)


def test_a_hand_that_misses_says_what_it_was_told():
    exact, off = make_robot(LOWDIM, looks=only()), make_robot(LOWDIM, looks=only(motion_error=(0.3, 0.3)))
    exact.reset(0), off.reset(0)
    told = [robot.execute(DOWN) for robot in (exact, off)]
    np.testing.assert_array_equal(told[0].to_vector(), told[1].to_vector())
    assert 0.002 < np.linalg.norm(exact.pose()[:3] - off.pose()[:3]) < 0.1


def _held(looks: Looks) -> int:
    """Objects that the script lifts."""
    robot, policy = make_robot(LOWDIM, "validation", looks=looks), ScriptedPolicy(LOWDIM, clumsiness=0)
    runner = EpisodeRunner(robot, LOWDIM, robot.succeeded)
    return sum(runner.run(policy, np.random.default_rng(0), seed, "held").success for seed in range(12))


def test_without_friction_less_is_held():
    assert _held(only(friction=(0.1, 0.1))) < _held(only()) - 2


def test_mass_and_force_are_the_worlds():
    heavy, plain = make_robot(LOWDIM, looks=only(mass=(3.0, 3.0), jaw_force=(0.5, 0.5))), make_robot(LOWDIM)
    heavy.reset(1), plain.reset(1)
    assert heavy._model.body("object0").mass[0] == pytest.approx(3 * plain._model.body("object0").mass[0], rel=1e-4)
    np.testing.assert_allclose(heavy._model.actuator_forcerange[4:6], [[-9, 9], [-9, 9]])
    for robot in (heavy, plain):
        robot.execute(Action(np.zeros(3, np.float32), 0.0, GripperCommand.CLOSE))
    assert heavy.aperture() > plain.aperture()  # less force, slower


def test_distractors_stand_beyond_the_rim_and_touch_nothing():
    plain, crowded = make_robot(COMPACT), make_robot(COMPACT, looks=only(distractors=(6, 6)))
    seen = []
    for seed in range(4):
        a, b = plain.reset(seed), crowded.reset(seed)
        seen.append(np.abs(a.image.astype(int) - b.image).max() > 15)
        np.testing.assert_array_equal(a.privileged, b.privileged)
        parts = [part for part, _ in crowded._look.distractors(EMBEDDED)]
        assert len(parts) == 6
        for part in parts:
            assert np.abs(part.position[:2]).max() - part.size[0] > EMBEDDED.bin.size[0] / 2
        plain.execute(DOWN), crowded.execute(DOWN)
        np.testing.assert_array_equal(plain.observe().state, crowded.observe().state)
    assert any(seen)


def test_nothing_that_is_not_finite_comes_of_the_widest_ranges():
    wild = Looks("randomised", **WIDEST)
    robot = make_robot(replace(COMPACT, cell=SHOULDER), clutter=(1, 5), looks=wild)
    for seed in range(4):
        observation = robot.reset(seed)
        for _ in range(3):
            observation.validate(COMPACT.observation)
            assert np.isfinite(observation.privileged).all()
            robot.execute(DOWN)
            observation = robot.observe()


WIDEST = {
    "textured": 1.0,
    "pattern_period": (0.001, 1.0),
    "pattern_contrast": (0.0, 1.0),
    "distractors": (0, 6),
    "lights": (1, 4),
    "ambient": (0.0, 1.0),
    "shadows": 1.0,
    "exposure": (-4.0, 4.0),
    "warmth": (-1.0, 1.0),
    "saturation": (0.0, 2.0),
    "pixel_noise": (0.0, 128.0),
    "blur": (0.0, 10.0),
    "jpeg": 1.0,
    "jpeg_quality": (1, 100),
    "camera_shift": 0.1,
    "camera_turn": 30.0,
    "camera_view": 0.5,
    "camera_centre": 0.2,
    "motion_error": (0.0, 1.0),
    "friction": (0.1, 10.0),
    "mass": (0.1, 10.0),
    "jaw_force": (0.1, 10.0),
}


def test_only_the_ray_camera_draws_looks_that_vary():
    with pytest.raises(InvalidInput, match="looks are randomised, the renderer is 'egl'"):
        make_robot(COMPACT, renderer="egl", looks=RANDOMISED)


def test_other_sizes_have_the_same_scene():
    large = _seen(
        Looks("surfaces"), range(2), replace(COMPACT, observation=replace(COMPACT.observation, image_size=(64, 64)))
    )
    small = _seen(Looks("surfaces"), range(2))
    assert np.abs(large.reshape(2, 32, 2, 32, 2, 3).mean((2, 4)) - small).mean() < 3
