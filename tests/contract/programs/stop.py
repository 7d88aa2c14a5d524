"""A node that says how it was ended."""

import sys
import time

import rclpy
from rclpy.executors import ExternalShutdownException
from std_msgs.msg import String


def main():
    rclpy.init()
    node = rclpy.create_node("stop")
    node.create_publisher(String, "said", 1)
    ready = node.create_timer(0.05, lambda: [print("READY", flush=True), ready.cancel()])
    try:
        rclpy.spin(node)
    except KeyboardInterrupt:
        print("KeyboardInterrupt", flush=True)
    except ExternalShutdownException:
        print("ExternalShutdownException", flush=True)
    end = time.monotonic() + 5  # rclpy shuts down in a thread of its own
    while rclpy.ok() and time.monotonic() < end:
        time.sleep(0.01)
    print("ok" if rclpy.ok() else "not ok", flush=True)
    node.destroy_node()
    rclpy.try_shutdown()
    sys.exit(3)
