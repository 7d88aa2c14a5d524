"""Publish what an episode recorded. Arguments: --show-args; nodes: qtopt_agent/nodes/graph.py."""

from launch import LaunchDescription

from qtopt_agent.nodes.ros_launch import description


def generate_launch_description() -> LaunchDescription:
    """The graph as ROS 2 launches it."""
    return description("replay")
