"""Runs the node files where ROS 2 is not installed: the part of rclpy that they use, over DDS from pip packages."""
