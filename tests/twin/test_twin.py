"""The twins move, grasp, stop and are seen as arms in a lab. Without robosuite's models nothing of this runs."""

from importlib.util import find_spec

import cv2
import numpy as np
import pytest

from benchmarks.twin_grasps import GuardedTwin, grasp, write_cube
from qtopt_agent.cells.cell_file import load_cell
from qtopt_agent.core.action import Action
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.rotations import matrix_of
from qtopt_agent.graph.description import PROFILES, arm_file, twin_cell
from qtopt_agent.safety.arm_profile import arm_profile, read_parameters
from qtopt_agent.safety.tool_pose import orientation_at
from qtopt_agent.twin.arms import ARMS
from qtopt_agent.twin.pictures import TwinCamera
from qtopt_agent.twin.scene import FLANGE_TO_TIP
from qtopt_agent.twin.world import SERVO_TIMEOUT, TwinWorld

pytestmark = pytest.mark.skipif(
    find_spec("robosuite") is None,
    reason="the twins were NOT tried: pip install --no-deps robosuite==1.5.2 (docs/how-to/twin.md)",
)
UPRIGHT = np.eye(3)
STILL = np.zeros(3)


@pytest.fixture(scope="module")
def cube(tmp_path_factory):
    return str(write_cube(tmp_path_factory.mktemp("cube")))


@pytest.fixture(params=sorted(ARMS))
def name(request):
    return request.param


@pytest.fixture
def world(name, cube):
    return TwinWorld(name, load_cell(str(twin_cell(name))), cube, (1, 1), 0)


def told(world, velocity):
    """Go for 0.05 s as the arm's controller is told to; returns whether it heeds."""
    heeded = world.set_twist(velocity, STILL) or world.set_pose(world.tip()[0] + 0.1 * velocity, UPRIGHT)
    world.advance(0.05)
    return heeded


def test_the_guarded_driver_fetches_a_cube_and_its_motions_end_within_their_tolerance(name, cube):
    twin = GuardedTwin(name, cube)
    assert grasp(twin, np.random.default_rng(0))
    assert max(twin.errors) <= twin.profile.driver.arrival


def test_the_tool_of_its_profile_is_the_one_of_its_frames(name):
    """A jaw that closes along the base frame's x is at yaw 0, as the agent has it."""
    profile = arm_profile(read_parameters(arm_file(PROFILES[name])) | {"cell": str(twin_cell(name))})
    arm = ARMS[name]
    to_cell = matrix_of(arm.tip_turn).T @ FLANGE_TO_TIP
    np.testing.assert_allclose(matrix_of(orientation_at(0.0, profile.tool)) @ to_cell, UPRIGHT, atol=1e-5)
    assert (profile.base_frame, profile.tip_frame, profile.output_topic) == (arm.base, arm.tip, arm.setpoints)
    assert profile.gripper.name == arm.jaw.action and profile.gripper.joint in arm.jaw.published
    assert (profile.gripper.interface == "parallel_gripper_command") == arm.jaw.parallel
    assert (profile.gripper.open_position, round(profile.gripper.closed_position, 1)) == (
        arm.jaw.opened,
        arm.jaw.closed,
    )


def test_every_joint_of_arm_and_jaw_is_measured_by_its_drivers_name(world):
    names = world.joints().keys()
    assert names == {*world.arm.joints.values(), *world.arm.jaw.published}
    assert np.isfinite(list(world.joints().values())).all()


def test_servo_takes_nothing_until_it_is_told_what_comes_and_stops_soon_after_the_last(cube):
    world = TwinWorld("ur5e", load_cell(str(twin_cell("ur5e"))), cube, (1, 1), 0)
    assert not told(world, np.array([0.1, 0.0, 0.0]))
    world.take_twists()
    assert told(world, np.array([0.1, 0.0, 0.0]))
    world.advance(SERVO_TIMEOUT + 0.3)
    stopped = world.tip()[0]
    world.advance(0.5)
    assert np.linalg.norm(world.tip()[0] - stopped) < 1e-4


def test_in_a_protective_stop_the_arm_stands_and_afterwards_goes_on_only_when_told(world):
    world.take_twists()
    for _ in range(4):
        assert told(world, np.array([0.0, 0.0, -0.1]))
    world.protective_stop()
    world.advance(0.3)
    stood = world.tip()[0]
    assert not told(world, np.array([0.0, 0.0, -0.1]))
    world.unlock()
    world.advance(0.5)
    assert np.linalg.norm(world.tip()[0] - stood) < 1e-3
    for _ in range(4):
        assert told(world, np.array([0.0, 0.0, -0.1]))
    assert world.tip()[0][2] < stood[2] - 0.005


@pytest.mark.parametrize("name", ARMS)
def test_the_hand_turns_as_far_as_attempts_start(cube, name):
    twin = GuardedTwin(name, str(cube))
    twin.go(np.array([*twin.world.cell.bin.position[:2], twin.world.cell.bin.position[2] + 0.2]))
    most = twin.world.cell.attempt.start_turn
    for turn in [most / 6] * 6 + [-most / 6] * 12:
        before = twin.world.tip()[1]
        twin.act(Action(np.zeros(3, dtype=np.float32), turn))
        turned = before.T @ twin.world.tip()[1]
        assert abs(np.arctan2(turned[1, 0], turned[0, 0]) - turn) < 0.02


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_moves_nothing(world, value):
    wrong = np.array([0.0, value, 0.0])
    for order in (
        lambda: world.set_twist(wrong, STILL),
        lambda: world.set_pose(wrong, UPRIGHT),
        lambda: world.set_jaw(value, 20.0),
    ):
        with pytest.raises(InvalidInput, match="finite"):
            order()


def test_whoever_refills_puts_back_only_what_has_left_the_bin(world):
    world.advance(0.5)
    lies = world.objects()[0][0]
    assert world.refill() == 0
    np.testing.assert_allclose(world.objects()[0][0], lies, atol=1e-6)
    world.data.joint("object0").qpos[:2] = (0.5, 0.4)
    world.advance(0.5)
    assert world.refill() == 1
    world.advance(0.5)
    assert (np.abs(world.objects()[0][0][:2]) < 0.16).all()


def test_its_camera_sees_an_object_where_its_cell_says(world):
    """To half the width of the part of it that is hidden or in shade; a centimetre is 25 px and more."""
    camera, data = world.cell.camera, world.data
    data.joint("object0").qpos[:2] = (world.cell.bin.position[0], -0.03)
    world.advance(0.3)
    try:
        lens = TwinCamera(world.model, camera, 0)
    except InvalidInput as error:
        pytest.skip(f"the twins' pictures were NOT tried: {error}")
    try:
        seen = lens.take(data.qpos)
        away = data.qpos.copy()
        away[world.model.joint("object0").qposadr[0]] = 3.0
        empty = lens.take(away)
    finally:
        lens.close()
    assert seen.shape == (480, 640, 3) and seen.dtype == np.uint8
    changed = np.abs(cv2.GaussianBlur(seen, (9, 9), 0).astype(int) - cv2.GaussianBlur(empty, (9, 9), 0)).sum(2) > 60
    rows, columns = np.nonzero(changed)
    assert 500 < len(rows) < 40_000
    position, turn = world.tip()
    middle = world.objects()[0][0] + world.cell.bin.position
    in_camera = camera.rotation.T @ (turn.T @ (middle - position) - camera.position)
    expected, _ = cv2.projectPoints(in_camera[None], STILL, STILL, camera.matrix, np.array(camera.distortion))
    found = [(low.min() + low.max()) / 2 for low in (columns, rows)]
    assert np.linalg.norm(found - expected.ravel()) < 12


def test_a_jaw_presses_no_harder_than_it_is_told(world):
    world.set_jaw(world.arm.jaw.closed, 5.0)
    world.advance(0.1)
    weak = np.abs(world.model.actuator_forcerange[-1]).max()
    world.set_jaw(world.arm.jaw.closed, 20.0)
    assert np.isclose(4 * weak, np.abs(world.model.actuator_forcerange[-1]).max())
