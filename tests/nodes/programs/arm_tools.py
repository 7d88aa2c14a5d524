"""An arm, a camera and an agent made by hand, for the arm driver to stand between."""

import math
import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import yaml
from geometry_msgs.msg import PoseStamped, TwistStamped
from graph_tools import until
from harness import result
from qtopt_msgs.msg import GraspCommand, SafetyStatus
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image, JointState
from std_srvs.srv import SetBool, Trigger

PROFILE = Path(__file__).parents[3] / "ros2_ws/src/qtopt_agent/config/arms/mujoco.yaml"
TWIST = {"output": {"type": "twist", "topic": "arm/target_twist"}}
PATIENT = {"ages": {name: 5.0 for name in ("camera", "gripper", "pose", "command")}}  # a busy machine is no fault
HEARD = 0.1  # s that an arm follows a twist without another, as MoveIt Servo's does
SLOW = {"limits": {"speed": 0.05, "acceleration": 1.0}}  # so that a motion of 6 cm takes over a second


def driver(**changes):
    """A driver that streams twists, slowly; `changes` replace parameters."""
    parameters = yaml.safe_load(PROFILE.read_text())["/**"]["ros__parameters"]
    for name, value in (TWIST | SLOW | PATIENT | changes).items():
        parameters[name] = {**parameters.get(name, {}), **value} if isinstance(value, dict) else value
    return ("arm_driver", {"autostart": True, **parameters})


class Arm:
    """Follows twists exactly, and tells its pose, its jaw and a picture 50 times a second until told otherwise.

    mute: it tells nothing of the jaw.
    """

    def __init__(self, node, clock=None):
        self.node, self.position, self.states = node, np.array([0.0, 0.0, 0.15]), []
        self.twists, self.turns = [], []
        self.camera_period = 0.02
        self.frozen_at, self.finger, self.mute = None, 0.04, False
        self.frame, self.orientation = "world", (0.0, 0.0, 0.0, 1.0)
        self.size, self.camera_frame = (32, 32), ""
        self.clock = clock or (lambda: node.get_clock().now().nanoseconds)
        self.out = {
            kind: node.create_publisher(kind, topic, qos_profile_sensor_data)
            for kind, topic in (
                (Image, "camera/image_raw"),
                (JointState, "gripper/joint_states"),
                (PoseStamped, "arm/pose"),
            )
        }
        node.create_subscription(TwistStamped, "arm/target_twist", self.on_twist, 100)
        node.create_subscription(SafetyStatus, "qtopt/safety", self.states.append, 100)
        self.commands = node.create_publisher(GraspCommand, "qtopt/command", 10)
        self.clients = {
            "arm": node.create_client(SetBool, "arm_driver/arm"),
            "resume": node.create_client(Trigger, "arm_driver/resume"),
        }
        self.sequence, self.on, self.told = 0, True, 0.0
        self.thread = threading.Thread(target=self.loop, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.on = False
        self.thread.join()

    def loop(self):
        next_picture = time.monotonic()
        while self.on:
            now = time.monotonic()
            stamp = self.stamp(self.clock())
            pose = PoseStamped()
            pose.header.stamp = stamp
            pose.header.frame_id, q = self.frame, pose.pose.orientation
            q.x, q.y, q.z, q.w = self.orientation
            pose.pose.position.x, pose.pose.position.y, pose.pose.position.z = map(float, self.position)
            self.out[PoseStamped].publish(pose)
            jaw = JointState(name=["left", "right"], position=[self.finger, self.finger])
            jaw.header.stamp = stamp
            if not self.mute:
                self.out[JointState].publish(jaw)
            if now >= next_picture:
                next_picture = now + self.camera_period
                height, width = self.size
                image = Image(height=height, width=width, encoding="rgb8", step=3 * width)
                image.data.frombytes(bytes(3 * height * width))
                image.header.stamp, image.header.frame_id = self.frozen_at or stamp, self.camera_frame
                self.out[Image].publish(image)
            time.sleep(0.02)

    @staticmethod
    def stamp(nanoseconds):
        message = Image().header.stamp
        message.sec, message.nanosec = divmod(int(nanoseconds), 10**9)
        return message

    def on_twist(self, message):
        linear, stamp = message.twist.linear, message.header.stamp
        now = stamp.sec + stamp.nanosec * 1e-9
        if self.twists and 0 < now - self.told < 1:  # by its stamps: whatever the machine does, it has followed exactly
            self.position = self.position + self.twists[-1] * min(now - self.told, HEARD)
        self.told = now
        self.twists.append(np.array([linear.x, linear.y, linear.z]))
        self.turns.append(np.array([message.twist.angular.x, message.twist.angular.y, message.twist.angular.z]))

    def arm(self, wanted=True, limit=20.0):
        request = SetBool.Request(data=wanted)
        return result(self.clients["arm"].call_async(request), limit)

    def armed(self):
        """Arm as soon as the driver has heard all that it needs."""
        assert self.clients["arm"].wait_for_service(30.0)

        def is_armed():
            with suppress(AssertionError):  # a driver killed in the check before is missed only after a while
                return self.arm(limit=3.0).success or self.status().state == SafetyStatus.ARMED

        until(is_armed, "armed")

    def resume(self):
        return result(self.clients["resume"].call_async(Trigger.Request()), 20.0)

    def command(self, x=0.0, z=0.0, writer="agent", new=True, **more):
        """Ask for a motion, or repeat the last."""
        self.sequence += new
        message = GraspCommand(writer=writer, sequence=self.sequence, **{"q": math.nan, **more})
        message.header.stamp = self.stamp(self.clock())
        message.translation.x, message.translation.z = x, z
        self.commands.publish(message)

    def moving(self, **motion):
        """Ask for a motion and wait until the arm is told to move."""
        motion = motion or {"x": 0.06}
        until(self.commands.get_subscription_count, "the driver listens")
        self.command(**motion)
        until(lambda: self.twists and np.abs(self.twists[-1]).max() > 0.02, "the arm moves")

    def status(self):
        return self.states[-1] if self.states else SafetyStatus()

    def repeating(self):
        """Keep the last command alive, as an agent does, in the background until the test's end."""

        def loop():
            while self.on:
                self.command(new=False)
                time.sleep(0.05)

        threading.Thread(target=loop, daemon=True).start()

    def stopped_for(self, reason):
        """Wait for a stop for `reason`; the last thing that the arm was told is to stand."""
        until(lambda: self.status().state == SafetyStatus.HOLDING, "held")
        assert reason in self.status().faults, self.status()
        self.stands()

    def stands(self):
        time.sleep(0.1)  # whatever was still on its way
        assert not self.twists[-1].any(), self.twists[-5:]
        assert not self.turns[-1].any(), self.turns[-5:]
