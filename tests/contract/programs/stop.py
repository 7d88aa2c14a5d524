"""A node that says how it was ended."""

import sys

import rclpy
from rclpy.executors import ExternalShutdownException
from std_msgs.msg import String


def main():
    rclpy.init()
    node = rclpy.create_node("stop")
    node.create_publisher(String, "said", 1)
    node.create_timer(0.05, lambda: None)
    print("READY", flush=True)
    try:
        rclpy.spin(node)
    except KeyboardInterrupt:
        print("KeyboardInterrupt", flush=True)
    except ExternalShutdownException:
        print("ExternalShutdownException", flush=True)
    print("ok" if rclpy.ok() else "not ok", flush=True)
    node.destroy_node()
    rclpy.try_shutdown()
    sys.exit(3)
