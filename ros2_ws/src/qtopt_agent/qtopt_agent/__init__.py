"""QT-Opt grasping on ROS 2: sense, decide, guard, act, log, learn."""

__version__ = "0.1.0"
