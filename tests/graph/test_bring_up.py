"""Vendors' drivers are started as they are documented, or what is missing is named. None of them is run here."""

import importlib.util
import re
from pathlib import Path

import pytest

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.shared_files import shared
from qtopt_agent.graph.bring_up import BRING_UPS, SOURCES, Include, Program, Xacro, bring_up
from qtopt_agent.graph.description import arm_file
from qtopt_agent.safety.arm_profile import read_parameters
from qtopt_agent.standalone.arguments import read_parameters as read_all

STUBS = {  # what our description reads of them
    "franka_fr3_moveit_config": {
        "config/kinematics.yaml": "fr3_arm: {kinematics_solver: kdl_kinematics_plugin/KDLKinematicsPlugin}\n",
        "config/fr3_joint_limits.yaml": "joint_limits: {fr3_joint1: {max_acceleration: 3.75}}\n",
    }
}
ADDRESS = {"robot_ip": "10.0.0.2"}


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A prefix with all packages, as ament's index has them."""
    for package in SOURCES:
        (tmp_path / "share" / package / "launch").mkdir(parents=True)
        index = tmp_path / "share/ament_index/resource_index/packages" / package
        index.parent.mkdir(parents=True, exist_ok=True)
        index.touch()
        for file, text in STUBS.get(package, {}).items():
            path = tmp_path / "share" / package / file
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"/nowhere:{tmp_path}")
    return tmp_path


def parts(name, **given):
    _, arguments = BRING_UPS[name]
    found = bring_up(name, {each.name: each.default for each in arguments} | given)
    for each in found:  # nothing is started from a package that has not been looked for
        assert each.package in SOURCES
    return found


def named(found, name):
    """The part with this launch file or these programs' names."""
    return [each for each in found if name in (getattr(each, "file", ""), getattr(each, "executable", ""))]


def test_a_ur_has_its_driver_servo_and_gripper(installed):
    found = parts("ur", **ADDRESS, ur_type="ur10e", com_port="/dev/ttyUSB1")
    (driver,), (moveit,) = named(found, "ur_control.launch.py"), named(found, "ur_moveit.launch.py")
    assert driver.package == "ur_robot_driver" and moveit.package == "ur_moveit_config"
    assert driver.arguments == {
        "ur_type": "ur10e",
        "robot_ip": "10.0.0.2",
        "use_mock_hardware": "false",
        "initial_joint_controller": "forward_position_controller",
        "launch_rviz": "false",
    }
    assert moveit.arguments == {"ur_type": "ur10e", "launch_servo": "true", "launch_rviz": "false"}
    (state,), (spawner,) = named(found, "robot_state_publisher"), named(found, "spawner")
    assert state.parameters[0]["robot_description"] == Xacro(
        installed / "share/robotiq_description/urdf/robotiq_2f_85_gripper.urdf.xacro",
        {"use_fake_hardware": "false", "com_port": "/dev/ttyUSB1"},
    )
    assert "robotiq_activation_controller" in spawner.arguments


def test_a_franka_has_its_driver_its_hand_and_servo(installed):
    found = parts("franka", **ADDRESS)
    (driver,), (servo,) = named(found, "franka.launch.py"), named(found, "servo_node")
    assert driver.package == "franka_bringup" and servo.package == "moveit_servo"
    assert (
        driver.arguments.items()
        >= {
            "robot_type": "fr3",
            "robot_ip": "10.0.0.2",
            "load_gripper": "true",
            "use_fake_hardware": "false",
        }.items()
    )
    model = servo.parameters[0]
    assert model["robot_description"].arguments["hand"] == "true"
    assert model["robot_description_kinematics"].keys() == {"fr3_arm"}
    assert [each.arguments for each in named(found, "spawner")] == [["fr3_arm_controller"]]


@pytest.mark.parametrize(("name", "mock"), [("ur", "use_mock_hardware"), ("franka", "use_fake_hardware")])
def test_mock_hardware_is_for_all_that_would_ask_for_a_real_one_and_needs_no_address(installed, name, mock):
    for each in parts(name, **{mock: "true"}):
        told = dict(each.arguments) if isinstance(each, Include) else {}
        for values in getattr(each, "parameters", ()):
            for value in values.values() if isinstance(values, dict) else ():
                told |= value.arguments if isinstance(value, Xacro) else {}
        if "robot_ip" in told or "com_port" in told:
            assert told.get("use_mock_hardware", told.get("use_fake_hardware")) == "true", each
    with pytest.raises(InvalidInput, match=f"robot_ip is empty, expected the arm's address, or {mock}:=true"):
        parts(name)


@pytest.mark.parametrize("package", SOURCES)
def test_a_package_that_is_missing_is_named_with_the_way_to_get_it(installed, monkeypatch, package):
    monkeypatch.setenv("ROS_DISTRO", "lyrical")
    (installed / "share/ament_index/resource_index/packages" / package).unlink()
    said = set()
    for name in BRING_UPS:
        try:
            parts(name, **ADDRESS)
        except InvalidInput as error:
            said.add(str(error))
    (text,) = said
    source = SOURCES[package].format(distro="lyrical")
    assert text == f"package {package} is not installed: {source}"
    assert "sudo apt install ros-lyrical-" in source or "https://github.com/" in source


def test_with_a_gripper_of_ones_own_none_of_robotiqs_packages_is_needed(installed):
    for package in SOURCES:
        if package.startswith("robotiq"):
            (installed / "share/ament_index/resource_index/packages" / package).unlink()
    assert {each.package for each in parts("ur", **ADDRESS, gripper="none")} == {"ur_robot_driver", "ur_moveit_config"}


@pytest.mark.parametrize(("name", "profile"), [("ur", "ur_servo"), ("franka", "franka_servo")])
def test_what_is_brought_up_is_what_the_profile_talks_to(installed, name, profile):
    p = read_parameters(arm_file(profile))
    assert (p["output.type"], p["output.topic"], p["output.servo"]) == (
        "twist",
        "servo_node/delta_twist_cmds",
        "servo_node",
    )
    if name == "ur":  # Franka's hand has its names from its own launch file
        place, controller, action = p["gripper.name"].split("/")
        (spawner,) = named(parts(name, **ADDRESS), "spawner")
        assert spawner.namespace == place and controller in spawner.arguments and action == "gripper_cmd"
        told = {key: value for _, key, value in read_all(shared("config/drivers/robotiq_controllers.yaml"))}
        assert told["joint"] == p["gripper.joint"] and "parallel" in told[f"{controller}.type"]
        assert p["gripper.interface"] == "parallel_gripper_command"


def test_servo_lets_an_arm_move_as_fast_as_its_profile_asks():
    told = {key: value for _, key, value in read_all(shared("config/drivers/franka_servo.yaml"))}
    p = read_parameters(arm_file("franka_servo"))
    assert told["moveit_servo.command_in_type"] == "speed_units"
    assert told["moveit_servo.scale.linear"] >= p["limits.speed"]
    assert told["moveit_servo.scale.rotational"] >= p["limits.yaw_rate"]


@pytest.mark.skipif(importlib.util.find_spec("launch_ros") is None, reason="ROS 2's launch is not installed")
@pytest.mark.parametrize(("name", "mock"), [("ur", "use_mock_hardware"), ("franka", "use_fake_hardware")])
def test_ros_2_resolves_the_description_down_to_the_vendors_arguments(installed, name, mock):
    """With launch files of theirs that only write down what they are told."""
    from launch import LaunchContext

    for file in ("ur_robot_driver/ur_control", "ur_moveit_config/ur_moveit", "franka_bringup/franka"):
        package, stem = file.split("/")
        (installed / "share" / package / "launch" / f"{stem}.launch.py").write_text(
            "from launch import LaunchDescription\n"
            "from launch.actions import OpaqueFunction\n"
            "def note(context):\n"
            f"    open({str(installed / stem)!r}, 'w').write(repr(dict(context.launch_configurations)))\n"
            "def generate_launch_description():\n"
            "    return LaunchDescription([OpaqueFunction(function=note)])\n"
        )
    launch_file = Path(__file__).parents[2] / "launch" / f"{name}.launch.py"
    spec = importlib.util.spec_from_file_location("a_launch_file", launch_file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    context = LaunchContext()
    context.launch_configurations.update({mock: "true", "headless_mode": "true"})
    nodes = resolve(module.generate_launch_description().entities, context)
    assert sorted(node.node_executable for node in nodes) == sorted(
        each.executable for each in parts(name, **{mock: "true"}) if isinstance(each, Program)
    )
    for stem in {"ur": ["ur_control", "ur_moveit"], "franka": ["franka"]}[name]:
        told = (installed / stem).read_text()
        assert re.search(f"'{mock}': 'true'", told) and "'headless_mode': 'true'" in told
    assert ("publish_frequency", 100.0) in context.launch_configurations["global_params"]


def resolve(entities, context):
    """Visit all but programs, which are returned."""
    found = []
    for each in entities:
        if hasattr(each, "node_executable"):
            found.append(each)
        else:
            found += resolve(each.visit(context) or [], context)
    return found
