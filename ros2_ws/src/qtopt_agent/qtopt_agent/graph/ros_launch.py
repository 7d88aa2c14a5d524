"""A graph's description as a launch description of ROS 2. Imported by the files in launch/ only."""

import os
import tempfile
from pathlib import Path
from typing import Any

from launch import LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    OpaqueFunction,
    RegisterEventHandler,
    SetEnvironmentVariable,
    Shutdown,
)
from launch.event_handlers import OnShutdown
from launch_ros.actions import Node

from qtopt_agent.documents import yaml_text
from qtopt_agent.gazebo.bridge import bridge_config
from qtopt_agent.gazebo.release import find_release
from qtopt_agent.gazebo.world import world_sdf
from qtopt_agent.graph.description import GRAPHS, build
from qtopt_agent.standalone.names import domain_id
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
        nodes = build(name, given)
        domain_id()  # refused here, once, instead of in each node
        folder = tempfile.TemporaryDirectory(prefix="qtopt_launch_")
        clean_up = RegisterEventHandler(OnShutdown(on_shutdown=lambda event, context: folder.cleanup()))
        beside = [action for node in nodes if node.name == "gazebo" for action in _gazebo(node, Path(folder.name))]
        ending = _Ending(sum(not node.respawn for node in nodes))
        return [clean_up, *beside, *(_action(node, ending, Path(folder.name)) for node in nodes)]

    return LaunchDescription([*declared, OpaqueFunction(function=start)])


def _gazebo(node: Any, folder: Path) -> list[Any]:
    """Gazebo with the cell's world, and the bridge between its topics and those of ROS 2 in the namespace of `node`."""
    partition = node.namespace.replace("/", "_")  # worlds of several robots do not hear each other
    partitions = [SetEnvironmentVariable(name, partition) for name in ("GZ_PARTITION", "IGN_PARTITION") if partition]
    release = find_release(os.environ)
    world, bridge = folder / "cell.sdf", folder / "bridge.yaml"
    world.write_text(world_sdf(release), encoding="utf-8")
    bridge.write_text(bridge_config(release, node.parameters["image_topic"]), encoding="utf-8")
    return [
        *partitions,
        ExecuteProcess(
            cmd=release.serve(world), name="gazebo_server", output="screen", on_exit=Shutdown(reason="Gazebo has ended")
        ),
        Node(
            package="ros_gz_bridge",
            executable="parameter_bridge",
            name="gazebo_bridge",
            namespace=node.namespace,
            parameters=[{"config_file": str(bridge)}],
            ros_arguments=["--enclave", "/qtopt/gazebo_bridge"],
            output="screen",
            on_exit=Shutdown(reason="Gazebo's bridge has ended"),
        ),
    ]


class _Ending:
    """Ends all nodes with one that is needed. The first failure is what `ros2 launch` says last and fails with."""

    def __init__(self, needed: int) -> None:
        self._needed, self._failed = needed, ""

    def ended(self, node: Any, event: Any, context: Any) -> Any:
        """A node's process has: what to do about it."""
        if node.respawn and event.returncode != BAD_INPUT:
            return None
        self._needed -= not node.respawn
        if event.returncode and not context.is_shutdown:
            self._failed = f"{node.label} ended with exit code {event.returncode}"
        if self._failed and not self._needed:
            raise RuntimeError(self._failed)  # launch says it, and its exit code is 1
        return None if context.is_shutdown else Shutdown(reason=self._failed or f"{node.label} has ended")


def _action(node: Any, ending: _Ending, folder: Path) -> Any:
    # launch_ros would write text that looks like a number, such as a serial number, as one.
    parameters = folder / f"{node.label.replace('/', '.')}.yaml"
    parameters.write_text(yaml_text({"/**": {"ros__parameters": node.parameters}}), encoding="utf-8")
    return Node(
        package="qtopt_agent",
        executable=node.module.rpartition(".")[2],
        name=node.name,
        namespace=node.namespace,
        parameters=[str(parameters)] if node.parameters else [],
        remappings=list(node.remaps.items()),
        arguments=list(node.arguments),
        ros_arguments=["--enclave", f"/qtopt/{node.name}"],  # its keys, where ROS_SECURITY_ENABLE is true
        additional_env={LAUNCHER: str(os.getpid())},
        output="screen",
        respawn=node.respawn,
        respawn_delay=RESPAWN_DELAY,
        on_exit=lambda event, context: ending.ended(node, event, context),
    )
