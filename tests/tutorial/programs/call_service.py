"""`ros2 service call NAME TYPE VALUES` where there is no ros2: until it was done, or one time if `once` follows."""

import importlib
import sys
import time

import rclpy
import yaml

LIMIT = 240.0  # s: whatever a busy machine does, it is done by then


def main():
    name, kind, values, *once = [*sys.argv[1:], "{}"] if len(sys.argv) == 3 else sys.argv[1:]
    package, _, service = kind.split("/")
    described = getattr(importlib.import_module(f"{package}.srv"), service)
    rclpy.init()
    node = rclpy.create_node("caller")
    client, end = node.create_client(described, name), time.monotonic() + LIMIT
    answer = "nobody answers"
    while time.monotonic() < end:
        if client.wait_for_service(1.0):
            future = client.call_async(described.Request(**yaml.safe_load(values)))
            rclpy.spin_until_future_complete(node, future, timeout_sec=10.0)
            if future.done() and future.result().success:
                print(future.result().message)
                return 0
            answer = future.result().message if future.done() else answer
            if once:
                break
            time.sleep(0.5)
    print(f"{name}: {answer}", file=sys.stderr)
    return 1
