"""The simulated robot: what its episodes promise."""

from dataclasses import replace
from pathlib import Path

import mujoco
import numpy as np
import pytest

from qtopt_agent.core.action import Action, GripperCommand
from qtopt_agent.core.cell import EMBEDDED, Bin, Cell, Jaw, Workspace
from qtopt_agent.core.episode import Episode
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.observation import Observation, ObservationSpec
from qtopt_agent.core.profile import COMPACT, DETAILED, LOWDIM
from qtopt_agent.rollouts.episode_runner import EpisodeRunner
from qtopt_agent.simulation import make_robot
from qtopt_agent.simulation.objects import FAMILIES
from qtopt_agent.simulation.robot import SimulatedRobot
from qtopt_agent.simulation.scripted import ScriptedPolicy

STILL = Action(np.zeros(3, dtype=np.float32), 0.0)


def _episode(seed: int, objects: str = "train", clutter: tuple[int, int] = (1, 3)) -> Episode:
    robot = make_robot(COMPACT, objects, clutter)
    runner = EpisodeRunner(robot, COMPACT, robot.succeeded)
    return runner.run(ScriptedPolicy(COMPACT), np.random.default_rng(seed), seed, "")


def _bytes(episode: Episode) -> bytes:
    values = []
    for step in episode.steps:
        seen = step.observation
        values += [seen.image, seen.state, seen.privileged, step.executed, step.reward]
    return b"".join(np.asarray(value).tobytes() for value in values)


def _seen(privileged: list[float], **state: float) -> Observation:
    """What the script is told; `state` by name, else 0."""
    values = np.array([state.get(name, 0) for name in LOWDIM.observation.state_names], np.float32)
    return Observation(np.zeros((0, 0, 3), np.uint8), values, 0.0, np.array(privileged, np.float32))


def _lifted(seed: int, objects: str = "train") -> SimulatedRobot:
    """A robot that holds an object up, or as near as the script got."""
    robot = make_robot(LOWDIM, objects)
    policy = ScriptedPolicy(LOWDIM, clumsiness=0, objects=objects)
    EpisodeRunner(robot, LOWDIM, robot.succeeded).run(policy, np.random.default_rng(0), seed, "lifted")
    return robot


def _holding() -> SimulatedRobot:
    return next(robot for robot in map(_lifted, range(10)) if robot.succeeded())


def test_the_same_seed_gives_the_same_episode_bit_by_bit() -> None:
    for seed in range(3):
        assert _bytes(_episode(seed)) == _bytes(_episode(seed))


def test_an_episode_does_not_depend_on_those_before_it() -> None:
    robot = make_robot(COMPACT, clutter=(1, 3))
    fresh = make_robot(COMPACT, clutter=(1, 3)).reset(5)
    for seed in (1, 2, 5):
        again = robot.reset(seed)
        robot.execute(Action(np.array([0.02, 0, -0.06], dtype=np.float32), 0.5, GripperCommand.CLOSE))
    assert np.array_equal(again.image, fresh.image) and np.array_equal(again.state, fresh.state)


def test_different_seeds_give_different_episodes() -> None:
    assert len({_bytes(_episode(seed)) for seed in range(10)}) == 10


@pytest.mark.parametrize("clutter", [(1, 1), (2, 4), (5, 5)])
def test_the_bin_holds_as_many_objects_as_asked_for(clutter: tuple[int, int]) -> None:
    robot = make_robot(LOWDIM, "held-out", clutter)
    counts = set()
    for seed in range(20):
        robot.reset(seed)
        counts.add(len(robot.object_names))
    assert counts == set(range(clutter[0], clutter[1] + 1))


def test_the_object_is_in_the_first_image_of_99_layouts_in_100() -> None:
    seen = []
    for objects in ("train", "validation", "held-out"):
        robot = make_robot(COMPACT, objects)
        for seed in range(70):
            image = robot.reset(seed).image.astype(int)
            robot._data.qpos[6:9] = (50, 50, 0.5)  # the same picture without it
            mujoco.mj_forward(robot._model, robot._data)
            seen.append(np.abs(image - robot.observe().image).max() > 15)
    assert np.mean(seen) >= 0.99


def test_what_the_last_motion_did_is_part_of_the_state_as_measured() -> None:
    robot = make_robot(DETAILED)
    assert not robot.reset(3).state[4:].any()
    for turn in (0.4, 0.0):
        before = robot.pose()
        asked = Action(np.array([0.03, -0.02, 0.06], dtype=np.float32), turn)
        assert robot.execute(asked).translation[2] < 0.06  # cut to the workspace
        moved, after = robot.observe().state[4:], robot.pose()
        np.testing.assert_allclose(moved[2:], (after - before)[2:], atol=1e-6)
        np.testing.assert_allclose(moved[:2], [0.03, -0.02], atol=2e-3)  # in the hand's frame
    assert not robot.reset(4).state[4:].any()


def test_masks_say_where_in_the_picture_the_objects_are() -> None:
    robot = make_robot(DETAILED)
    for seed in range(8):
        there = robot.reset(seed)
        robot._data.qpos[6:9] = (50, 50, 0.5)
        mujoco.mj_forward(robot._model, robot._data)
        gone = robot.observe()
        differs = (np.abs(there.image.astype(int) - gone.image).max(2) > 40).reshape(8, 8, 8, 8).mean((1, 3))
        assert there.mask is not None and there.mask.any() and gone.mask is not None and not gone.mask.any()
        assert (there.mask[differs > 0.2] > 0).all() and np.corrcoef(there.mask.ravel(), differs.ravel())[0, 1] > 0.7


def test_a_picture_that_is_no_multiple_of_the_mask_has_none() -> None:
    odd = replace(COMPACT, observation=ObservationSpec((36, 36), COMPACT.observation.state_names))
    assert make_robot(odd).reset(0).mask is None


def test_success_means_held_above_the_lift_height() -> None:
    robot = _holding()
    assert robot.succeeded() and robot.outline(0)[:, 2].min() > EMBEDDED.attempt.lift_height
    while robot.outline(0)[:, 2].min() > EMBEDDED.attempt.lift_height:
        assert robot.succeeded()
        robot.execute(Action(np.array([0, 0, -0.01], dtype=np.float32), 0.0))
    assert not robot.succeeded()


def test_an_object_let_go_is_no_success() -> None:
    robot = _holding()
    assert robot.succeeded()
    robot.execute(Action(np.zeros(3, dtype=np.float32), 0.0, GripperCommand.OPEN))
    assert not robot.succeeded()


@pytest.mark.parametrize("gripper", [GripperCommand.OPEN, GripperCommand.CLOSE])
def test_an_object_in_the_air_beside_the_hand_is_no_success(gripper: GripperCommand) -> None:
    robot = make_robot(LOWDIM)
    robot.reset(0)
    for _ in range(3):
        robot.execute(Action(np.zeros(3, dtype=np.float32), 0.0, gripper))
    robot._data.qpos[6:9] = robot.pose()[:3] + np.array([0, 0.06, 0])
    mujoco.mj_forward(robot._model, robot._data)
    assert robot.outline(0)[:, 2].min() > EMBEDDED.attempt.lift_height and not robot.succeeded()


def test_an_empty_jaw_in_the_air_is_no_success() -> None:
    robot = make_robot(LOWDIM)
    robot.reset(0)
    for _ in range(3):
        robot.execute(Action(np.array([0, 0, 0.06], dtype=np.float32), 0.0, GripperCommand.CLOSE))
    assert not robot.succeeded()


def test_terminating_moves_nothing() -> None:
    robot = make_robot(LOWDIM)
    before = robot.reset(0)
    robot.execute(Action(np.ones(3, dtype=np.float32), 1.0, GripperCommand.CLOSE, terminate=True))
    after = robot.observe()
    assert after.stamp == before.stamp
    assert after.state[:3] == pytest.approx(before.state[:3])


def test_what_was_really_done_stays_inside_the_workspace() -> None:
    robot = make_robot(LOWDIM)
    robot.reset(0)
    up = Action(np.array([0, 0, 0.06], dtype=np.float32), 0.0)
    executed = [float(robot.execute(up).translation[2]) for _ in range(6)]
    assert executed[0] > 0.02 and abs(executed[-1]) < 0.002


@pytest.mark.parametrize("where", [0, 1, 2, "yaw"])
def test_a_motion_that_is_not_finite_is_refused(where: int | str) -> None:
    robot = make_robot(LOWDIM)
    robot.reset(0)
    move = np.zeros(3, dtype=np.float32)
    if isinstance(where, int):
        move[where] = np.nan
    with pytest.raises(InvalidInput, match="expected finite numbers"):
        robot.execute(Action(move, np.inf if where == "yaw" else 0.0))


def test_a_motion_at_which_the_physics_diverges_is_undone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)  # MuJoCo writes its warnings to a file
    robot, action = make_robot(LOWDIM), Action(np.array([0.03, 0, -0.03], np.float32), 0.2)
    before, step = robot.reset(3), mujoco.mj_step
    height = robot.pose()[2]

    def diverge(model: mujoco.MjModel, data: mujoco.MjData, nstep: int) -> None:
        data.xfrc_applied[:] = 1e13
        step(model, data, nstep=nstep)

    with monkeypatch.context() as patch:
        patch.setattr(mujoco, "mj_step", diverge)
        executed, after = robot.execute(action), robot.observe()
    assert not executed.translation.any() and executed.yaw == 0
    np.testing.assert_array_equal(after.privileged, before.privileged)
    assert after.stamp == pytest.approx(before.stamp + 0.2)
    assert robot.execute(action).translation.any() and robot.pose()[2] < height - 0.02  # and it goes on


@pytest.mark.parametrize("objects", FAMILIES)
def test_the_script_without_errors_lifts_most_objects(objects: str) -> None:
    assert sum(_lifted(seed, objects).succeeded() for seed in range(20)) >= 16


def test_the_script_reaches_under_a_plates_rim_but_not_for_what_compact_1_learned_from() -> None:
    seen = _seen([0, 0, 0.005 - 0.02, 0, 0, 0.05, 0.01], aperture_m=0.085, height_m=0.02)
    for objects, lowest in (("train", 0.008), ("held-out", 0.008), ("household", 0.004), ("test", 0.004)):
        policy = ScriptedPolicy(LOWDIM, clumsiness=0, objects=objects)
        down = policy.decide(seen, np.random.default_rng(0)).action[2]
        assert 0.02 + down == pytest.approx(lowest, abs=1e-6)


def test_a_tall_thing_is_lifted_until_it_is_clear_of_the_walls() -> None:
    seen = _seen([0, 0, 0, 0, 0, 0.05, 0.12 + 0.07], aperture_m=0.05, height_m=0.12, closed=1)  # 14 cm tall
    for objects, ends in (("train", True), ("household", False)):
        policy = ScriptedPolicy(LOWDIM, clumsiness=0, objects=objects)
        assert Action.from_vector(policy.decide(seen, np.random.default_rng(0)).action).terminate == ends


def test_the_clumsy_script_fails_and_succeeds_often() -> None:
    robot = make_robot(LOWDIM)
    runner = EpisodeRunner(robot, LOWDIM, robot.succeeded)
    policy = ScriptedPolicy(LOWDIM)
    success = np.mean([runner.run(policy, np.random.default_rng(s), s, "").success for s in range(40)])
    assert 0.2 <= success <= 0.75


def test_the_script_needs_a_simulator() -> None:
    robot = make_robot(LOWDIM)
    observation = robot.reset(0)
    blind = type(observation)(observation.image, observation.state, observation.stamp)
    with pytest.raises(InvalidInput, match="privileged measurement"):
        ScriptedPolicy(LOWDIM).decide(blind, np.random.default_rng(0))


def test_ending_moves_nothing_whatever_else_the_action_says():
    robot = make_robot(LOWDIM)
    robot.reset(0)
    before = robot.pose()
    ended = robot.execute(Action(np.full(3, 0.05, dtype=np.float32), 0.5, GripperCommand.CLOSE, terminate=True))
    np.testing.assert_array_equal(robot.pose(), before)
    np.testing.assert_array_equal(ended.to_vector(), [0, 0, 0, 0, 1, 0, 0, 1])


def test_the_picture_after_an_end_is_the_one_before_it():
    robot = make_robot(COMPACT)
    robot.reset(0)
    robot.execute(Action(np.array([0.02, 0, -0.05], np.float32), 0.3))
    before = robot.observe()
    robot.execute(Action(np.zeros(3, np.float32), 0.0, terminate=True))
    after = robot.observe()
    np.testing.assert_array_equal(after.image, before.image)
    robot.reset(1)
    assert (robot.observe().image != before.image).any()


def test_a_picture_of_an_age_is_what_the_camera_saw_before_the_motion_ended():
    old = replace(EMBEDDED, camera=replace(EMBEDDED.camera, age=(0.2, 0.2)))
    lagging, prompt = make_robot(replace(COMPACT, cell=old)), make_robot(COMPACT)
    up = Action(np.array([0, 0, 0.05], np.float32), 0.0)
    before = prompt.reset(3)
    np.testing.assert_array_equal(lagging.reset(3).image, before.image)
    for robot in (lagging, prompt):
        robot.execute(up)
    np.testing.assert_array_equal(lagging.observe().image, before.image)
    np.testing.assert_array_equal(lagging.observe().state, prompt.observe().state)
    assert (prompt.observe().image != before.image).any()


def test_another_cells_hand_stays_in_its_workspace_and_holds_what_its_jaw_takes():
    wide = Cell(
        bin=Bin(size=(0.6, 0.4), position=(0.5, 0.1, 0.02)),
        jaw=Jaw(aperture=0.14, palm=(0.17, 0.06, 0.04)),
        workspace=Workspace((0.2, -0.1, 0.023), (0.8, 0.3, 0.3)),
    )
    robot = make_robot(replace(LOWDIM, cell=wide), clutter=(1, 3))
    for seed in range(5):
        robot.reset(seed)
        assert robot.aperture() == pytest.approx(0.14, abs=1e-3)
        for _ in range(12):
            robot.execute(Action(np.array([0.06, 0.0, -0.06], np.float32), 0.5))
            x, y, z = robot.pose()[:3]
            # Objects under way to a wall push it aside a little.
            assert abs(x) < 0.31 and abs(y) < 0.21 and z > 0.0
