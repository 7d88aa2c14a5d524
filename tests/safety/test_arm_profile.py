"""The shipped profiles are complete but for the workspace of a real cell, and nonsense is refused by name."""

from pathlib import Path

import numpy as np
import pytest

from qtopt_agent.cells.cell_file import cell_names
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.safety.arm_profile import ARM_PARAMETERS, arm_profile, read_parameters
from qtopt_agent.safety.driver_settings import Output

ARMS = sorted((Path(__file__).parents[2] / "ros2_ws/src/qtopt_agent/config/arms").glob("*.yaml"))
BOX = {"workspace.low": [-0.2, -0.2, 0.0], "workspace.high": [0.2, 0.2, 0.3]}


def test_the_profiles_that_are_promised_are_there():
    assert [file.stem for file in ARMS] == [
        "franka_cartesian",
        "franka_servo",
        "gazebo",
        "generic",
        "mujoco",
        "ur_servo",
    ]


@pytest.mark.parametrize("file", ARMS, ids=lambda file: file.stem)
def test_a_profile_is_valid_once_a_workspace_or_a_cell_is_given(file):
    given = read_parameters(file)
    simulated = given.get("simulated", False)
    profile = arm_profile(given if simulated else given | BOX)
    assert profile.rate >= 50
    assert profile.driver.step.workspace.high == ((0.16, 0.16, 0.24) if simulated else (0.2, 0.2, 0.3))


@pytest.mark.parametrize("file", ARMS, ids=lambda file: file.stem)
def test_a_profile_names_its_cell_and_leaves_workspace_jaw_and_floor_to_it(file):
    given = read_parameters(file)
    assert given["cell"] in cell_names()
    assert not {"workspace.low", "workspace.high", "floor_height", "gripper.open_aperture"} & given.keys()


@pytest.mark.parametrize("cell", cell_names())
def test_no_arm_has_a_simulators_workspace_from_its_cell(cell, tmp_path):
    with pytest.raises(InvalidInput, match=r"workspace\.low is missing"):
        arm_profile({"cell": cell})
    (tmp_path / "mine.yaml").write_text("jaw: {force: 20.0}\n")  # and says nothing of a workspace
    with pytest.raises(InvalidInput, match=r"workspace\.low is missing"):
        arm_profile({"cell": str(tmp_path / "mine.yaml")})
    assert arm_profile({"cell": cell} | BOX).driver.step.workspace.high == (0.2, 0.2, 0.3)


@pytest.mark.parametrize("file", ARMS, ids=lambda file: file.stem)
def test_a_real_arm_has_no_workspace_until_someone_measures_it(file):
    if file.stem in ("mujoco", "gazebo"):
        arm_profile(read_parameters(file))
        return
    with pytest.raises(InvalidInput, match=r"workspace\.low is missing"):
        arm_profile(read_parameters(file))


def test_whole_numbers_are_fine_where_floats_are_meant():
    assert arm_profile({**BOX, "rate": 60, "workspace.low": [-1, -1, 0]}).rate == 60.0


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"rate": 20.0}, "rate is 20.0, expected 50.0"),
        ({"rate": float("nan")}, "rate is nan"),
        ({"limits.speed": "fast"}, "limits.speed is 'fast'"),
        ({"limits.speed": True}, "limits.speed is True"),
        ({"limits.sped": 1.0}, "limits.sped"),
        ({"output.type": "joint"}, "output.type is 'joint'"),
        ({"output.type": "pose", "output.servo": "servo_node"}, "output.servo is 'servo_node', output.type pose"),
        ({"gripper.interface": "vacuum"}, "gripper.interface is 'vacuum'"),
        ({"gripper.open_position": 0.0}, "the same"),
        ({"workspace.low": [0.3, 0.0, 0.0]}, "workspace box"),
        ({"workspace.low": [0.0]}, "workspace.low is missing"),
        ({"workspace.low": ["a", "b", "c"]}, "workspace.low"),
        ({"tool_orientation": [0.0, 0.0, 0.0, 0.0]}, "quaternion"),
    ],
)
def test_nonsense_is_refused_by_name(change, named):
    with pytest.raises(InvalidInput, match=named.replace(".", r"\.")):
        arm_profile(BOX | change)


@pytest.mark.parametrize("text", ["a: [", "a: 1", "a: {b: 1}"])
def test_what_is_no_parameter_file_is_refused(tmp_path, text):
    (tmp_path / "arm.yaml").write_text(text)
    with pytest.raises(InvalidInput, match=r"arm\.yaml"):
        read_parameters(tmp_path / "arm.yaml")
    with pytest.raises(InvalidInput, match=r"none\.yaml"):
        read_parameters(tmp_path / "none.yaml")


def test_defaults_are_cautious_and_in_range():
    profile = arm_profile(BOX)
    assert profile.driver.rates.speed <= 0.25 and profile.driver.output == Output.TWIST
    assert all(p.description.endswith(".") for p in ARM_PARAMETERS)


def test_the_joint_tells_the_aperture():
    gripper = arm_profile(read_parameters(next(f for f in ARMS if f.stem == "ur_servo")) | BOX).gripper
    assert gripper.aperture(0.0) == pytest.approx(0.085)
    assert gripper.aperture(0.7929) == pytest.approx(0.0)
    assert np.isclose(gripper.aperture(0.39645), 0.0425)


def test_any_damage_of_a_profile_gives_finite_settings_in_range_or_a_refusal(tmp_path, mutations):
    file = tmp_path / "arm.yaml"
    for data in mutations(next(f for f in ARMS if f.stem == "mujoco").read_bytes()):
        file.write_bytes(data)
        try:
            profile = arm_profile(read_parameters(file))
        except InvalidInput:
            continue
        box = profile.driver.step.workspace
        assert np.isfinite([*box.low, *box.high, *profile.tool, profile.floor_height, profile.rate]).all()
        assert all(low <= high for low, high in zip(box.low, box.high, strict=True))
        assert 50 <= profile.rate <= 1000 and 0 < profile.driver.rates.speed <= 3


def test_an_arm_that_names_its_cell_has_workspace_floor_and_aperture_from_there(tmp_path):
    cell = tmp_path / "mine.yaml"
    cell.write_text(
        "bin: {size: [0.5, 0.4], position: [0.5, 0.0, 0.1]}\njaw: {aperture: 0.14, palm: [0.17, 0.06, 0.04]}\n"
        "workspace: {low: [0.3, -0.2, 0.103], high: [0.7, 0.2, 0.4]}\n"
    )
    profile = arm_profile({"cell": str(cell)})
    assert profile.driver.step.workspace.low == (0.3, -0.2, 0.103)
    assert profile.floor_height == 0.1
    assert profile.gripper.open_aperture == 0.14
    assert profile.cell is not None and profile.cell.bin.size == (0.5, 0.4)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"workspace.low": [0.0, 0.0, 0.0]}, r"workspace.low is \[0.0, 0.0, 0.0\], the cell .* says \[0.3, -0.2"),
        ({"floor_height": 0.2}, "floor_height is 0.2, the cell .* says 0"),
        ({"cell": "kitchen"}, "unknown cell 'kitchen'"),
    ],
)
def test_what_an_arm_and_its_cell_say_in_two_ways_is_refused(change, said, tmp_path):
    cell = tmp_path / "mine.yaml"
    cell.write_text("bin: {position: [0.5, 0, 0]}\nworkspace: {low: [0.3, -0.2, 0.003], high: [0.7, 0.2, 0.4]}\n")
    with pytest.raises(InvalidInput, match=said):
        arm_profile({"cell": str(cell)} | change)
