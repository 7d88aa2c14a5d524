"""Kinds of time."""

from enum import IntEnum


class ClockType(IntEnum):
    """ROS_TIME follows /clock where the node uses simulated time, and the system clock elsewhere."""

    ROS_TIME = 1
    SYSTEM_TIME = 2
    STEADY_TIME = 3
