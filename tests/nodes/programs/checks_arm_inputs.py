"""What the arm driver hears of an arm whose drivers share topics: /joint_states, /tf and MoveIt Servo's service."""

import math
import os
import signal
import time
from contextlib import contextmanager

import numpy as np
from arm_tools import TWIST, Arm, driver
from geometry_msgs.msg import PoseStamped, TransformStamped
from graph_tools import Spinning, running, until
from moveit_msgs.srv import ServoCommandType
from qtopt_msgs.msg import GripperState
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import JointState
from tf2_msgs.msg import TFMessage

from qtopt_agent.core.cell import EMBEDDED

FROM_TF = {"pose_topic": "", "base_frame": "base_link", "tip_frame": "grasp_tip"}


def check_a_jaw_is_heard_among_the_messages_of_an_arm_on_one_topic():
    """A driver that looks after a burst finds all of it, not only the arm's message, which comes last."""
    name, parameters = driver(joint_states_topic="joint_states")
    with running((name, parameters)) as graph, Spinning("probe") as probe:
        heard = []
        probe.node.create_subscription(GripperState, "/gripper/state", heard.append, 100)
        out = probe.node.create_publisher(JointState, "/joint_states", QoSProfile(depth=100))
        until(out.get_subscription_count, "the driver listens")
        until(lambda: probe.node.count_publishers("/gripper/state"), "the driver speaks")
        pid, bursts = graph.pid("arm_driver"), 5
        for k in range(bursts):
            with held_up(pid):
                for names in (["left", "right"], *[["joint1", "joint2"]] * 20):
                    message = JointState(name=names, position=[0.01 * k, 0.0])
                    message.header.stamp = probe.node.get_clock().now().to_msg()
                    out.publish(message)
                time.sleep(0.1)
            until(lambda k=k: len(heard) > k, f"the jaw's state, in burst {k}")
        assert len(heard) == bursts


def check_an_arm_that_tells_its_pose_by_tf_alone_is_heard():
    with running(driver(**FROM_TF)), Spinning("probe") as probe:
        poses = []
        probe.node.create_subscription(PoseStamped, "/arm/pose", poses.append, qos_profile_sensor_data)
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        fixed = probe.node.create_publisher(TFMessage, "/tf_static", latched)
        moving = probe.node.create_publisher(TFMessage, "/tf", QoSProfile(depth=100))
        fixed.publish(TFMessage(transforms=[transform(probe.node, "tool0", "grasp_tip", z=0.1)]))

        def found():
            moving.publish(TFMessage(transforms=[transform(probe.node, "base_link", "tool0", x=0.05, z=0.05)]))
            return [each for each in poses if each.header.frame_id == "base_link"]

        pose = until(found, "a pose")[-1].pose
        assert math.isclose(pose.position.x, 0.05) and math.isclose(pose.position.z, 0.15)


def check_tip_and_camera_are_told_on_tf_where_nobody_else_tells_them():
    with running(driver()), Spinning("probe") as probe, Arm(probe.node) as arm:
        arm.camera_frame = "wrist"
        moving, fixed = transforms_of(probe.node)
        lens = until(lambda: [each for each in fixed if each.child_frame_id == "wrist"], "the camera", 30.0)[0]
        place = lens.transform.translation
        assert lens.header.frame_id == "gripper"
        assert np.allclose((place.x, place.y, place.z), EMBEDDED.camera.position)
        tip = until(lambda: [each for each in moving if each.child_frame_id == "gripper"], "the tip")[-1]
        assert tip.header.frame_id == "world" and math.isclose(tip.transform.translation.z, 0.15)


def check_a_tip_that_somebody_tells_is_not_told_twice():
    mounted = driver(**FROM_TF, tip_parent="tool0", cell="d435_wrist", simulated=False)
    mounted[1]["workspace"] = {"low": [0.0, -0.2, 0.0], "high": [0.3, 0.2, 0.3]}
    with running(mounted), Spinning("probe") as probe, Arm(probe.node) as arm:
        arm.camera_frame = "wrist"
        _, heard = transforms_of(probe.node)
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        fixed = probe.node.create_publisher(TFMessage, "/tf_static", latched)
        moving = probe.node.create_publisher(TFMessage, "/tf", QoSProfile(depth=100))
        fixed.publish(TFMessage(transforms=[transform(probe.node, "tool0", "grasp_tip", z=0.1)]))

        def told():
            moving.publish(TFMessage(transforms=[transform(probe.node, "base_link", "tool0", x=0.05, z=0.05)]))
            return [each for each in heard if each.child_frame_id == "wrist"]

        assert until(told, "the camera", 30.0)[0].header.frame_id == "grasp_tip"
        assert [each.child_frame_id for each in heard].count("grasp_tip") == 1  # the one above


def transforms_of(node):
    """Lists that fill: what moves, and what does not."""
    moving, fixed = [], []
    node.create_subscription(TFMessage, "/tf", lambda message: moving.extend(message.transforms), QoSProfile(depth=100))
    latched = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    node.create_subscription(TFMessage, "/tf_static", lambda message: fixed.extend(message.transforms), latched)
    return moving, fixed


def check_the_driver_arms_once_servo_takes_twists_and_tells_a_new_one():
    by_servo = driver(output=TWIST["output"] | {"servo": "servo_node"})
    with running(by_servo), Spinning("probe") as probe, Arm(probe.node) as arm:
        until(arm.clients["arm"].service_is_ready, "the driver")
        until(lambda: "/servo_node/switch_command_type is not there" in arm.arm().message, "refused")
        asked = []

        def switch(request, response):
            asked.append(request.command_type)
            response.success = True
            return response

        first = probe.node.create_service(ServoCommandType, "/servo_node/switch_command_type", switch)
        arm.armed()
        assert asked == [ServoCommandType.Request.TWIST]
        probe.node.destroy_service(first)
        time.sleep(1.5)  # Servo is started anew
        probe.node.create_service(ServoCommandType, "/servo_node/switch_command_type", switch)
        until(lambda: len(asked) == 2, "told again")


def transform(node, parent, child, x=0.0, z=0.0):
    message = TransformStamped(child_frame_id=child)
    message.header.frame_id, message.header.stamp = parent, node.get_clock().now().to_msg()
    message.transform.translation.x, message.transform.translation.z = x, z
    return message


@contextmanager
def held_up(pid):
    """A process that the machine does not let run meanwhile."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
