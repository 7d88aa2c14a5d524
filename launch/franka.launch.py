"""A Franka arm: franka_bringup with its hand, and MoveIt Servo. What is started: graph/bring_up.py."""

from launch import LaunchDescription

from qtopt_agent.graph.ros_bring_up import description


def generate_launch_description() -> LaunchDescription:
    """The arm's drivers, for the graph of grasp.launch.py beside them."""
    return description("franka")
