"""The doctor finds what was made wrong in a graph of made-up publishers, and nothing else in one that is well."""

import json
import os
import subprocess
import threading
import time

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import PoseStamped
from graph_tools import LONG, RUNNER, Spinning
from qtopt_msgs.msg import GraspCommand, GripperState, ModelInfo, SafetyStatus
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image

SENSOR = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
BOX = {"low": [-0.2, -0.2, 0.0], "high": [0.2, 0.2, 0.3]}


class Graph:
    """What camera, gripper, arm driver and agent publish; `wrong` names what is not as it should be."""

    def __init__(self, probe, wrong=""):
        self.node, self.wrong, self.on, self.count = probe.node, wrong, True, 0
        node = self.node
        if wrong != "no workspace":
            for end, corner in BOX.items():
                node.declare_parameter(f"workspace.{end}", corner)
        for name in ("camera", "gripper", "pose", "command"):
            node.declare_parameter(f"ages.{name}", 5.0)  # a busy machine is not what is looked for
        if wrong == "lens":
            node.declare_parameter("cell", "d435_wrist")
            node.declare_parameter("camera_info_topic", "/lens/info")
        self.lenses = node.create_publisher(CameraInfo, "/lens/info", SENSOR)
        self.images = node.create_publisher(Image, "/camera/image_raw", SENSOR)
        self.jaws = node.create_publisher(GripperState, "/gripper/state", SENSOR)
        self.poses = node.create_publisher(PoseStamped, "/arm/pose", SENSOR)
        self.safety = node.create_publisher(SafetyStatus, "/qtopt/safety", 50)
        self.commands = [
            each.create_publisher(GraspCommand, "/qtopt/command", 50)
            for each in probe.nodes[: 2 if wrong == "two agents" else 1]
        ]
        self.model = node.create_publisher(ModelInfo, "/qtopt/model", LATCHED)
        if wrong != "no model":
            self.model.publish(ModelInfo(version="v1", profile="compact"))
        self.first = node.get_clock().now().to_msg()
        self.thread = threading.Thread(target=self.loop, daemon=True)

    def loop(self):
        while self.on:
            self.count += 1
            stamp = self.node.get_clock().now().to_msg()
            image = self.image()
            jaw = GripperState(aperture=float("nan") if self.wrong == "jaw" else 0.05, effort=0.0)
            pose, status = PoseStamped(), SafetyStatus(state=SafetyStatus.ARMED)
            if self.wrong == "driver holds":
                status.state, status.text = SafetyStatus.HOLDING, "no new image"
            for message in (image, jaw, pose, status):
                message.header.stamp = stamp
            if self.wrong == "frozen":
                image.header.stamp = self.first
            if self.wrong == "old":
                image.header.stamp = Time(sec=stamp.sec - 20, nanosec=stamp.nanosec)
            if self.wrong == "future":
                image.header.stamp = Time(sec=stamp.sec + 20, nanosec=stamp.nanosec)
            if self.wrong == "clock goes back" and self.count % 10 == 0:
                jaw.header.stamp = Time(sec=stamp.sec - 1)
            slow = self.wrong == "2 Hz" and self.count % 25
            if self.wrong != "no image" and not slow:
                self.images.publish(image)
            if self.wrong != "gripper silent":
                self.jaws.publish(jaw)
            self.lenses.publish(
                CameraInfo(width=640, height=480, k=[300.0, 0.0, 319.5, 0.0, 300.0, 239.5, 0.0, 0.0, 1.0])
            )
            self.poses.publish(pose)
            self.safety.publish(status)
            time.sleep(0.02)

    def image(self):
        height, width = (24, 20) if self.wrong == "small" else (96, 128)
        if self.wrong == "two sizes" and self.count % 2:
            height, width = 48, 64
        image = Image(height=height, width=width, encoding="rgb8", step=3 * width)
        if self.wrong == "encoding":
            image.encoding = "16UC1"
        image.data.frombytes(np.zeros((height, width, 3), np.uint8).tobytes())
        return image

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.on = False
        self.thread.join()


def findings(wrong=""):
    """(severity, text) of everything but rates and ages of what is well, which a busy machine changes."""
    with Spinning("arm_driver", "other") as probe, Graph(probe, wrong):
        command = [*RUNNER, "qtopt_agent.nodes.doctor", "--ros-args", "-p", "seconds:=1.0"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONG, env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    busy = ("expected at least 20", *([] if wrong == "old" else ["old on arrival"]))
    return [(each["severity"], each["text"]) for each in found if not any(text in each["text"] for text in busy)]


def expect(wrong, *texts):
    bad = [text for severity, text in findings(wrong) if severity]
    assert len(bad) == len(texts) and all(a in b for a, b in zip(texts, bad, strict=True)), bad


def check_a_graph_that_is_well():
    assert not [text for severity, text in findings() if severity]


def check_no_image():
    expect("no image", "/camera/image_raw has a publisher, but nothing comes")


def check_a_gripper_that_is_silent():
    expect("gripper silent", "/gripper/state has a publisher, but nothing comes")


def check_a_camera_that_is_frozen():
    expect("frozen", "camera is frozen")


def check_images_that_are_old():
    expect("old", "s old on arrival, limit")


def check_images_from_the_future():
    expect("future", "in the future")


def check_a_camera_at_2_hz():
    expect("2 Hz", "times a second, expected at least 5")


def check_an_encoding_that_the_model_cannot_read():
    expect("encoding", "the model does not fit the camera: image encoding is '16UC1'")


def check_images_smaller_than_the_models():
    expect("small", "the model does not fit the camera: image is 20x24 px, expected at least 32x32")


def check_images_of_two_sizes():
    expect("two sizes", "images of several sizes: 64x48, 128x96 px")


def check_a_lens_that_is_not_the_cells_wherever_it_is_told():
    said = [text for severity, text in findings("lens") if severity]
    assert [text for text in said if "camera_info says a view of 77.3 degrees" in text], said


def check_no_model():
    expect("no model", "no model is loaded")


def check_no_workspace():
    expect("no workspace", "the arm driver has no workspace")


def check_two_agents():
    expect("two agents", "2 nodes publish /qtopt/command")


def check_a_driver_that_holds():
    expect("driver holds", "the arm driver is HOLDING: no new image")


def check_an_aperture_that_is_not_a_number():
    expect("jaw", "the aperture is nan")


def check_stamps_that_go_back():
    expect("clock goes back", "the clock went back")


def check_nothing_runs():
    with Spinning("alone"):
        command = [*RUNNER, "qtopt_agent.nodes.doctor", "--ros-args", "-p", "seconds:=0.5"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONG)
    texts = [each["text"] for each in json.loads(done.stdout.splitlines()[-1])]
    assert any("nobody publishes /camera/image_raw" in text for text in texts) and "no arm driver" in texts, texts
