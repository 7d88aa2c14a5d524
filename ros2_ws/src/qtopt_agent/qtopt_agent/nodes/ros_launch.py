"""A graph's description as a launch description of ROS 2. Imported by the files in launch/ only."""

import os
from typing import Any

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction, Shutdown
from launch_ros.actions import Node

from qtopt_agent.nodes.graph import GRAPHS, build
from qtopt_agent.standalone.processes import BAD_INPUT, RESPAWN_DELAY
from qtopt_agent.standalone.run import LAUNCHER


def description(name: str) -> Any:
    """Launch graph `name`, with its arguments declared. All nodes end when one does that is needed."""
    _, arguments = GRAPHS[name]
    declared = [
        DeclareLaunchArgument(
            argument.name,
            default_value=argument.default,
            description=argument.description,
            choices=list(argument.choices) or None,
        )
        for argument in arguments
    ]

    def start(context: Any) -> list[Any]:
        given = {argument.name: context.launch_configurations[argument.name] for argument in arguments}
        return [_action(node) for node in build(name, given)]

    return LaunchDescription([*declared, OpaqueFunction(function=start)])


def _action(node: Any) -> Any:
    def ended(event: Any, context: Any) -> Any:
        goes_on = node.respawn and event.returncode != BAD_INPUT
        return None if goes_on else Shutdown(reason=f"{node.name} has ended")

    return Node(
        package="qtopt_agent",
        executable=node.module.rpartition(".")[2],
        name=node.name,
        namespace=node.namespace,
        parameters=[*map(str, node.parameter_files), node.parameters],
        remappings=list(node.remaps.items()),
        arguments=list(node.arguments),
        ros_arguments=["--enclave", f"/qtopt/{node.name}"],  # its keys, where ROS_SECURITY_ENABLE is true
        additional_env={LAUNCHER: str(os.getpid())},
        output="screen",
        respawn=node.respawn,
        respawn_delay=RESPAWN_DELAY,
        on_exit=ended,
    )
