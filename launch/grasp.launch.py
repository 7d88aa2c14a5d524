"""Sense, decide, guard, act; log and learn where asked. Arguments: --show-args; nodes: graph/description.py."""

from launch import LaunchDescription

from qtopt_agent.graph.ros_launch import description


def generate_launch_description() -> LaunchDescription:
    """The graph as ROS 2 launches it."""
    return description("grasp")
