"""Comes to a graph that has begun, commands the arm and listens: prints, as JSON, what it was able to do.

Arguments: name of the node, s to try for, then --ros-args. Ends sooner when everything has worked.
"""

import json
import sys
import time

import rclpy
from geometry_msgs.msg import PoseStamped
from qtopt_msgs.msg import GraspCommand, SafetyStatus
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image
from std_srvs.srv import SetBool


def main():
    name, patience = sys.argv[1], float(sys.argv[2])
    rclpy.init(args=sys.argv)
    node = Node(name)
    heard, writers, refused = {"image": 0, "safety": 0}, set(), []

    def tried(what, make, *arguments):
        try:
            return make(*arguments)
        except RuntimeError:  # rclpy's RCLError
            refused.append(what)

    def on_image(message):
        heard["image"] += 1

    def on_safety(message):
        heard["safety"] += 1
        writers.add(message.asked.writer)

    tried("image", node.create_subscription, Image, "/camera/image_raw", on_image, qos_profile_sensor_data)
    tried("safety", node.create_subscription, SafetyStatus, "/qtopt/safety", on_safety, 10)
    commands = tried("command", node.create_publisher, GraspCommand, "/qtopt/command", 10)
    poses = tried("pose", node.create_publisher, PoseStamped, "/arm/target_pose", 10)
    arm = tried("arm", node.create_client, SetBool, "/arm_driver/arm")
    end, met = time.monotonic() + patience, set()

    def done():
        return all(heard.values()) and name in writers

    while time.monotonic() < end and not done():
        command = GraspCommand(writer=name, sequence=int(time.monotonic() * 1000))
        command.header.stamp = node.get_clock().now().to_msg()
        for what, publisher, message in (("command", commands, command), ("pose", poses, PoseStamped())):
            if publisher is not None:
                publisher.publish(message)
                met |= {what} if publisher.get_subscription_count() else set()
        if arm is not None and arm.service_is_ready():
            met.add("arm")
        rclpy.spin_once(node, timeout_sec=0.05)
    print(json.dumps({"heard": heard, "writers": sorted(writers), "refused": sorted(refused), "met": sorted(met)}))


main()
