"""What runs beside the graph on a real arm, as a launch description of ROS 2. Imported by the files in launch/ only."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import Command
from launch_ros.actions import Node, SetParameter
from launch_ros.parameter_descriptions import ParameterValue

from qtopt_agent.graph.bring_up import BRING_UPS, Include, Part, Program, Xacro, bring_up, package_folder

FRAMES = 100.0  # Hz: robot_state_publisher's 20 are few for a driver that goes by /tf


def description(name: str) -> Any:
    """Bring up the arm `name`. What its vendor's launch files take besides is passed on to them as it is given."""
    _, arguments = BRING_UPS[name]
    declared = [
        DeclareLaunchArgument(
            each.name, default_value=each.default, description=each.description, choices=list(each.choices) or None
        )
        for each in arguments
    ]

    def start(context: Any) -> list[Any]:
        parts = bring_up(name, {each.name: context.launch_configurations[each.name] for each in arguments})
        return [_action(part) for part in parts]

    frames = SetParameter("publish_frequency", FRAMES)
    return LaunchDescription([*declared, frames, OpaqueFunction(function=start)])


def _action(part: Part) -> Any:
    if isinstance(part, Include):
        file = package_folder(part.package) / "launch" / part.file
        return IncludeLaunchDescription(
            PythonLaunchDescriptionSource(str(file)), launch_arguments=part.arguments.items()
        )
    return _node(part)


def _node(part: Program) -> Any:
    return Node(
        package=part.package,
        executable=part.executable,
        name=part.name or None,
        namespace=part.namespace,
        parameters=[str(each) if isinstance(each, Path) else _values(each) for each in part.parameters],
        arguments=list(part.arguments),
        output="screen",
    )


def _values(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _text(value) if isinstance(value, Xacro) else value for name, value in values.items()}


def _text(xacro: Xacro) -> Any:
    arguments = [f" {name}:={value}" for name, value in xacro.arguments.items()]
    return ParameterValue(Command(["xacro ", str(xacro.file), *arguments]), value_type=str)
