"""The embedded MuJoCo world behind the topics of a real arm, gripper and camera."""

from dataclasses import replace
from typing import Any

import numpy as np
from control_msgs.msg import GripperCommand
from geometry_msgs.msg import PoseStamped, TwistStamped
from qtopt_msgs.srv import JudgeGrasp, ResetBin
from rclpy.clock import Clock as NodeClock
from rclpy.clock import ClockType
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image, JointState

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.profile import get_profile
from qtopt_agent.graph import settings, topics
from qtopt_agent.graph.parameters import declare
from qtopt_agent.graph.process import run_node
from qtopt_agent.nodes import conversions, diagnostics
from qtopt_agent.nodes.qos import RELIABLE, SENSOR
from qtopt_agent.nodes.real_time import RealTime
from qtopt_agent.safety.arm_profile import arm_cell
from qtopt_agent.safety.tool_pose import orientation_at, unit_quaternion, yaw_and_lean
from qtopt_agent.simulation import make_robot
from qtopt_agent.simulation.live import LiveWorld
from qtopt_agent.simulation.stream import Stream
from qtopt_agent.simulation.truth import TruthLog

PERIOD = 0.01  # s between two moves of the world, of steady time
TOOL = unit_quaternion([0.0, 0.0, 0.0, 1.0])  # the hand's z points up


class Simulator(Node):
    """Publishes image, joint states and pose; follows set points; lays out new objects when asked.

    In a rehearsal it does what an arm does, and no more: nobody can ask it for anything.
    """

    def __init__(self) -> None:
        super().__init__("simulator")
        p = declare(self, settings.SIMULATOR)
        profile = get_profile(p["profile"])
        self._cell = arm_cell(p) or profile.cell
        profile = replace(profile, cell=self._cell)
        robot = make_robot(profile, p["objects"], tuple(p["clutter"]))
        self._world = LiveWorld(robot, p["setpoint_timeout"])
        self._frame, self._camera_frame = p["base_frame"], p["frame_id"]
        self._speed, self._own_clock = p["speed"], p["clock"]
        self._periods = {"state": 1 / p["state_rate"], "camera": 1 / p["camera_rate"]}
        self._due = dict.fromkeys(self._periods, 0.0)
        self._world.reset(p["seed"])
        self._real_time = RealTime()
        self._clock_out = self.create_publisher(Clock, "/clock", SENSOR) if self._own_clock else None
        self._images = self.create_publisher(Image, p["image_topic"], SENSOR)
        self._joints = self.create_publisher(JointState, p["joint_states_topic"], SENSOR)
        self._poses = self.create_publisher(PoseStamped, p["pose_topic"] or topics.POSE, SENSOR)
        self.create_subscription(PoseStamped, topics.TARGET_POSE, self._on_pose, SENSOR)
        self.create_subscription(TwistStamped, topics.TARGET_TWIST, self._on_twist, SENSOR)
        self.create_subscription(GripperCommand, topics.GRIPPER_COMMAND, self._on_gripper, RELIABLE)
        self._stream = Stream(self._cell, p["noise"], p["seed"]) if p["rehearse"] else None
        self._truth = TruthLog(p["truth"]) if p["truth"] else None
        if self._stream is None:
            self.create_service(ResetBin, topics.RESET, self._on_reset)
            self.create_service(JudgeGrasp, topics.SIMULATOR_JUDGE, self._on_judge)
        # Steady time: the node's own clock may be the one that it publishes.
        self.create_timer(PERIOD, self._tick, clock=NodeClock(clock_type=ClockType.STEADY_TIME))
        diagnostics.Diagnostics(self, "simulation", self._diagnose)

    def _tick(self) -> None:
        self._world.advance(self._real_time.passed() * self._speed)
        if self._clock_out is not None:
            self._clock_out.publish(Clock(clock=conversions.time_of(self._world.time)))
        due = [name for name, at in self._due.items() if self._world.time >= at]
        for name in due:
            self._due[name] = max(self._due[name] + self._periods[name], self._world.time - self._periods[name])
        if due:
            self._publish("camera" in due)
        if self._stream is not None:
            for picture, stamp in self._stream.arrived(self._world.time):
                self._send(picture, stamp)

    def _publish(self, image: bool) -> None:
        stamp = self._world.time if self._own_clock else self.get_clock().now().nanoseconds * 1e-9
        if self._truth is not None:
            self._truth.record(self._world, stamp)
        pose = self._world.pose()
        orientation = orientation_at(float(pose[3]), TOOL)
        self._poses.publish(conversions.pose_message(pose[:3], orientation, stamp, self._frame))
        finger = self._world.aperture() / 2
        header = conversions.header(stamp)
        self._joints.publish(JointState(header=header, name=["left", "right"], position=[finger, finger]))
        if image and self._stream is not None:
            self._world.take(self._stream, stamp)
        elif image:
            self._send(self._world.observe().image, stamp)

    def _send(self, picture: Any, stamp: float) -> None:
        self._real_time.pictures += 1
        self._images.publish(conversions.image_message(picture, stamp, self._camera_frame))

    def _on_pose(self, message: Any) -> None:
        position, orientation = conversions.pose_values(message)
        try:
            self._world.set_pose(position, yaw_and_lean(orientation, TOOL)[0])
        except InvalidInput as error:
            self.get_logger().error(str(error))

    def _on_twist(self, message: Any) -> None:
        linear, angular = message.twist.linear, message.twist.angular
        try:
            self._world.set_twist(np.array([linear.x, linear.y, linear.z]), angular.z)
        except InvalidInput as error:
            self.get_logger().error(str(error))

    def _on_gripper(self, message: Any) -> None:
        self._world.set_gripper(message.position < self._cell.jaw.aperture / 4)

    def _on_reset(self, request: Any, response: Any) -> Any:
        if request.seed < 0:
            response.message = f"seed is {request.seed}, expected 0 or more"
            return response
        self._world.reset(request.seed)
        self._publish(image=True)  # before the answer: whoever arms next is not to trust the pose of before
        response.success, response.objects = True, list(self._world.object_names)
        return response

    def _on_judge(self, request: Any, response: Any) -> Any:
        response.judged, response.success = True, self._world.succeeded()
        return response

    def _diagnose(self) -> tuple[int, str, dict[str, object]]:
        level, text, values = self._real_time.diagnose(self._world.time)
        if self._stream is None:
            values["objects"] = ", ".join(self._world.object_names)
        return level, text, values


def main() -> int:
    """Run the node."""
    return run_node(Simulator)
