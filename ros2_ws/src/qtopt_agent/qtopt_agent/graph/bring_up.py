"""What runs beside the graph on a real arm: its vendor's driver, MoveIt Servo and the gripper's, as plain values.

Names and arguments are those of Universal_Robots_ROS2_Driver, franka_ros2 and ros2_robotiq_gripper for Jazzy.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.shared_files import shared
from qtopt_agent.documents import read_yaml
from qtopt_agent.graph.description import Argument

_UR = "sudo apt install ros-{distro}-ur"
_FRANKA = "build it from https://github.com/frankarobotics/franka_ros2"
_ROBOTIQ = "build it from https://github.com/PickNikRobotics/ros2_robotiq_gripper"
SOURCES = {
    "controller_manager": "sudo apt install ros-{distro}-ros2-control",
    "franka_bringup": _FRANKA,
    "franka_description": "build it from https://github.com/frankarobotics/franka_description",
    "franka_fr3_moveit_config": _FRANKA,
    "franka_gripper": _FRANKA,
    "joint_trajectory_controller": "sudo apt install ros-{distro}-ros2-controllers",
    "moveit_servo": "sudo apt install ros-{distro}-moveit-servo",
    "parallel_gripper_controller": "sudo apt install ros-{distro}-ros2-controllers",
    "robot_state_publisher": "sudo apt install ros-{distro}-robot-state-publisher",
    "robotiq_controllers": _ROBOTIQ,
    "robotiq_description": _ROBOTIQ,
    "robotiq_driver": _ROBOTIQ,
    "ur_moveit_config": _UR,
    "ur_robot_driver": _UR,
    "xacro": "sudo apt install ros-{distro}-xacro",
}


@dataclass(frozen=True)
class Include:
    """A launch file of `package`, with its arguments."""

    package: str
    file: str
    arguments: Mapping[str, str]


@dataclass(frozen=True)
class Xacro:
    """What xacro makes of `file`."""

    file: Path
    arguments: Mapping[str, str]


@dataclass(frozen=True)
class Program:
    """A node of `package`. parameters: files and values, the last ones win."""

    package: str
    executable: str
    name: str = ""
    namespace: str = ""
    parameters: Sequence[Path | Mapping[str, Any]] = ()
    arguments: Sequence[str] = ()


Part = Include | Program
_CONTROL = ("controller_manager", "robot_state_publisher", "xacro")
_YES_NO = ("true", "false")
_UR_ARGUMENTS = (
    Argument("robot_ip", "", "Address of the arm; with mock hardware none."),
    Argument("ur_type", "ur5e", "Which arm, as ur_robot_driver names them."),
    Argument("use_mock_hardware", "false", "No arm and no gripper: each joint is where it is told to be.", _YES_NO),
    Argument("gripper", "robotiq_2f_85", "On its flange; none: you start its driver.", ("robotiq_2f_85", "none")),
    Argument("com_port", "/dev/ttyUSB0", "Serial port of the gripper."),
)
_FRANKA_ARGUMENTS = (
    Argument("robot_ip", "", "Address of the arm; with fake hardware none."),
    Argument("use_fake_hardware", "false", "No arm and no hand.", _YES_NO),
)


def _ur(a: Mapping[str, str]) -> list[Part]:
    _need("ur_robot_driver", "ur_moveit_config", "moveit_servo")
    arm = {"ur_type": a["ur_type"], "launch_rviz": "false"}
    driver = arm | {
        "robot_ip": _address(a, "use_mock_hardware"),
        "use_mock_hardware": a["use_mock_hardware"],
        "initial_joint_controller": "forward_position_controller",  # which Servo publishes to
    }
    gripper = _robotiq(a["com_port"], a["use_mock_hardware"]) if a["gripper"] != "none" else []
    return [
        Include("ur_robot_driver", "ur_control.launch.py", driver),
        Include("ur_moveit_config", "ur_moveit.launch.py", arm | {"launch_servo": "true"}),
        *gripper,
    ]


def _robotiq(port: str, mock: str) -> list[Part]:
    """The gripper in a namespace, because there its controller manager may be a second one."""
    _need("robotiq_driver", "robotiq_controllers", "parallel_gripper_controller", *_CONTROL)
    place = "robotiq"
    model = package_folder("robotiq_description") / "urdf/robotiq_2f_85_gripper.urdf.xacro"
    description = {"robot_description": Xacro(model, {"use_fake_hardware": mock, "com_port": port})}
    controllers = ["joint_state_broadcaster", "robotiq_gripper_controller"]
    if mock != "true":  # nobody is there to be activated
        controllers.append("robotiq_activation_controller")
    heard = ["--controller-ros-args", "--remap joint_states:=/joint_states"]
    frames = {"frame_prefix": f"{place}/"}  # its description begins at a world of its own
    return [
        Program("robot_state_publisher", "robot_state_publisher", "", place, [description, frames]),
        Program(
            "controller_manager", "ros2_control_node", "", place, [shared("config/drivers/robotiq_controllers.yaml")]
        ),
        Program("controller_manager", "spawner", "", place, (), [*controllers, *heard]),
    ]


def _franka(a: Mapping[str, str]) -> list[Part]:
    _need("franka_bringup", "franka_gripper", "moveit_servo", "joint_trajectory_controller", *_CONTROL)
    moveit = package_folder("franka_fr3_moveit_config") / "config"
    fake = {"robot_ip": _address(a, "use_fake_hardware"), "use_fake_hardware": a["use_fake_hardware"]}
    driver = fake | {
        "robot_type": "fr3",
        "load_gripper": "true",
        "joint_state_rate": "100",
        "controllers_yaml": str(moveit / "fr3_ros_controllers.yaml"),
    }
    hand = {"hand": "true", "ee_id": "franka_hand"}
    arm = package_folder("franka_bringup") / "urdf/franka_arm.urdf.xacro"
    groups = package_folder("franka_description") / "robots/fr3/fr3.srdf.xacro"
    model = {
        "robot_description": Xacro(arm, hand | fake | {"robot_type": "fr3"}),
        "robot_description_semantic": Xacro(groups, hand),
        "robot_description_kinematics": read_yaml(moveit / "kinematics.yaml"),
        "robot_description_planning": read_yaml(moveit / "fr3_joint_limits.yaml"),
    }
    return [
        Include("franka_bringup", "franka.launch.py", driver),
        Program("controller_manager", "spawner", "", "", (), ["fr3_arm_controller"]),
        Program("moveit_servo", "servo_node", "servo_node", "", [model, shared("config/drivers/franka_servo.yaml")]),
    ]


BringUp = Callable[[Mapping[str, str]], list[Part]]
BRING_UPS: dict[str, tuple[BringUp, Sequence[Argument]]] = {
    "ur": (_ur, _UR_ARGUMENTS),
    "franka": (_franka, _FRANKA_ARGUMENTS),
}


def package_folder(package: str) -> Path:
    """Where ROS 2 has the shared files of `package`. Raises InvalidInput, saying how to get it, where it is missing."""
    for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep):
        if prefix and (Path(prefix) / "share/ament_index/resource_index/packages" / package).is_file():
            return Path(prefix) / "share" / package
    distro = os.environ.get("ROS_DISTRO", "jazzy")
    raise InvalidInput(f"package {package} is not installed: {SOURCES[package].format(distro=distro)}")


def bring_up(name: str, a: Mapping[str, str]) -> list[Part]:
    """What is started for the arm `name`, one of BRING_UPS, with all its arguments `a`.

    Raises InvalidInput where a package is not installed, saying how to get it, or the arm has no address.
    """
    make, _ = BRING_UPS[name]
    return make(a)


def _address(a: Mapping[str, str], mock: str) -> str:
    if not a["robot_ip"] and a[mock] != "true":
        raise InvalidInput(f"robot_ip is empty, expected the arm's address, or {mock}:=true")
    return a["robot_ip"] or "0.0.0.0"  # the vendors want one in any case


def _need(*packages: str) -> None:
    for package in packages:
        package_folder(package)
