"""An arm driver with an arm's profile, its topics and services."""

import math
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped, TwistStamped
from qtopt_msgs.msg import GraspCommand, GripperState
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from std_srvs.srv import SetBool, Trigger

from qtopt_agent.core.action import GripperCommand
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.graph import topics
from qtopt_agent.nodes import conversions
from qtopt_agent.nodes.driver_memory import DriverMemory
from qtopt_agent.nodes.driver_reports import DriverReports
from qtopt_agent.nodes.frames import Frames
from qtopt_agent.nodes.gripper import gripper_output
from qtopt_agent.nodes.pictures import picture_type
from qtopt_agent.nodes.qos import RELIABLE, SENSOR, SETPOINT, SHARED_SENSOR
from qtopt_agent.nodes.servo_switch import NoServo, ServoSwitch
from qtopt_agent.nodes.strangers import StrangerWatch
from qtopt_agent.nodes.tip_pose import TipPose
from qtopt_agent.safety.arm_driver import ArmDriverCore
from qtopt_agent.safety.arm_profile import ArmProfile
from qtopt_agent.safety.commands import CommandReport, DriverState, Setpoint
from qtopt_agent.safety.driver_settings import Output
from qtopt_agent.safety.tool_pose import unit_quaternion, yaw_and_lean

GUARD_SILENCE = 2.0  # s after which a stop guard that has been heard before is said to be missing


class ConfiguredDriver:
    """What the arm driver node has from its being configured to its being cleaned up.

    core: decides. reports: what is told of it.
    """

    def __init__(self, node: Node, profile: ArmProfile, memory: DriverMemory) -> None:
        """Open all topics and services; set points flow from now on, as soon as the core allows them."""
        self._node, self._profile, self._memory = node, profile, memory
        self.core = ArmDriverCore(profile.driver)
        self._last_cut: CommandReport | None = None
        self._opened, self._closed = ExitStack(), False
        pose = profile.driver.output == Output.POSE
        self._setpoints = self._publisher(PoseStamped if pose else TwistStamped, profile.output_topic, SETPOINT)
        self._gripper_states = self._publisher(GripperState, topics.GRIPPER_STATE, RELIABLE)
        self._gripper = gripper_output(node, profile.gripper)
        self._opened.callback(self._gripper.destroy)
        self._servo = ServoSwitch(node, profile.servo) if profile.servo else NoServo()
        self._opened.callback(self._servo.destroy)
        self.reports = DriverReports(node, profile, self.core, self._gripper, memory)
        self._opened.callback(self.reports.close)
        self._watch = StrangerWatch(node, profile.output_topic, (node.get_name(), "stop_guard"))
        images = profile.image_topic
        self._subscribe(picture_type(images), images, self._on_image, SENSOR, raw=True)  # for the stamp alone
        self._subscribe(JointState, profile.joint_states_topic, self._on_joints, SHARED_SENSOR)
        self._subscribe(GraspCommand, topics.COMMAND, self._on_command, RELIABLE)
        self._subscribe(Bool, topics.GUARD, self._on_guard, RELIABLE)
        self._frames = Frames(node, profile)
        self._opened.callback(self._frames.destroy)
        if profile.pose_topic:
            self._subscribe(PoseStamped, profile.pose_topic, self._on_pose, SENSOR)
        else:
            tip = TipPose(node, profile.base_frame, profile.tip_frame, self._frames, self._on_pose)
            self._opened.callback(tip.destroy)
        for kind, name, answer in ((SetBool, topics.ARM, self._on_arm), (Trigger, topics.RESUME, self._on_resume)):
            self._opened.callback(node.destroy_service, node.create_service(kind, name, answer))
        # Steady time: a simulator's clock that stands still must not stop the set points.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        timer = node.create_timer(1 / profile.rate, self._until_closed(self._tick), clock=steady)
        self._opened.callback(node.destroy_timer, timer)

    def close(self) -> None:
        """Say a last word and close everything."""
        self._closed = True
        self._opened.close()

    def _publisher(self, kind: Any, topic: str, qos: Any) -> Any:
        made = self._node.create_publisher(kind, topic, qos)
        self._opened.callback(self._node.destroy_publisher, made)
        return made

    def _subscribe(self, kind: Any, topic: str, callback: Any, qos: Any, raw: bool = False) -> None:
        made = self._node.create_subscription(kind, topic, self._until_closed(callback), qos, raw=raw)
        self._opened.callback(self._node.destroy_subscription, made)

    def _until_closed(self, callback: Callable[..., None]) -> Callable[..., None]:
        """`callback`; but an executor also calls what was due when everything was closed, and that does nothing."""

        def call(*message: Any) -> None:
            if not self._closed:
                callback(*message)

        return call

    def _now(self) -> tuple[float, float]:
        return conversions.clock_of(self._node), time.monotonic()

    def _on_image(self, data: bytes) -> None:
        try:
            stamp = conversions.header_stamp(data)
        except InvalidInput as error:
            self._node.get_logger().error(f"no picture: {error}", throttle_duration_sec=1.0)
            return
        if self._stamped("a picture", stamp):
            self.core.camera(stamp, *self._now())
        if not self._frames.camera:
            self._see_camera(data)

    def _see_camera(self, data: bytes) -> None:
        try:
            self._frames.camera = conversions.header_frame(data)
        except InvalidInput as error:
            self._node.get_logger().error(f"a picture from nowhere: {error}", throttle_duration_sec=1.0)

    def _stamped(self, what: str, stamp: float) -> bool:
        if stamp == 0:
            self._node.get_logger().error(f"{what} comes without a stamp: it does not count", throttle_duration_sec=1.0)
        return stamp != 0

    def _on_joints(self, message: Any) -> None:
        gripper = self._profile.gripper
        if gripper.joint not in message.name:
            return
        place = list(message.name).index(gripper.joint)
        if place >= len(message.position):
            self._node.get_logger().error(f"{gripper.joint} has no position", throttle_duration_sec=1.0)
            return
        aperture = gripper.aperture(message.position[place])
        stamp = message.header.stamp
        if not self._stamped(f"the state of {gripper.joint}", conversions.seconds(stamp)):
            return
        self.core.gripper(aperture, conversions.seconds(stamp), *self._now())
        effort = message.effort[place] if place < len(message.effort) else math.nan
        closed = self._memory.closed
        self._gripper_states.publish(
            conversions.gripper_state(aperture, effort, closed, stamp, self._profile.tip_frame)
        )

    def _on_pose(self, message: Any) -> None:
        try:
            position, orientation = conversions.pose_in(self._profile.base_frame, message)
            if np.isfinite(orientation).all():  # the core stops the arm on what is not finite
                orientation = unit_quaternion(orientation)
        except InvalidInput as error:
            self._node.get_logger().error(str(error), throttle_duration_sec=1.0)
            return
        yaw, lean = yaw_and_lean(orientation, self._profile.tool)
        stamp = conversions.seconds(message.header.stamp)
        self.core.measured(position, yaw, stamp, *self._now(), lean)
        if self._profile.pose_topic:
            self._frames.measured(position, orientation, stamp)

    def _on_command(self, message: Any) -> None:
        try:
            command = conversions.motion_command(message)
        except InvalidInput as error:
            self._node.get_logger().error(f"command refused: {error}", throttle_duration_sec=1.0)
            return
        report = self.core.command(command, *self._now())
        if report.asked is command:  # else it repeats one
            self.reports.asked = message
        if report.cuts and report is not self._last_cut:
            self._last_cut = report
            self._memory.cut_commands += 1
            self._node.get_logger().debug(f"{command.writer} {command.sequence}: " + "; ".join(report.cuts))
        self.reports.tell_changes(time.monotonic())  # answers at once

    def _on_guard(self, message: Any) -> None:
        self._memory.guard_heard = time.monotonic()
        if not message.data:
            self.core.overruled()

    def _on_arm(self, request: Any, response: Any) -> Any:
        if request.data:
            return self._release(response, "arm")
        self._memory.arm_on_start = False
        self.core.disarm()
        response.success, response.message = True, "disarmed"
        return response

    def _on_resume(self, request: Any, response: Any) -> Any:
        return self._release(response, "resume")

    def _release(self, response: Any, what: str) -> Any:
        core, logger = self.core, self._node.get_logger()
        if not self._memory.active:
            response.message = "the driver is not active"
            return response
        if absent := self._gripper.absent or self._servo.absent:
            response.message = absent
            logger.warning(f"{what}: {response.message}", throttle_duration_sec=2.0)
            return response
        try:
            reasons = (core.arm if what == "arm" else core.resume)(time.monotonic())
        except InvalidInput as error:
            response.message = str(error)
            return response
        response.success = core.state == DriverState.ARMED
        response.message = (
            "armed" if response.success else self.reports.in_words(reasons) or "no pose has been measured"
        )
        if response.success and what == "arm":
            self._gripper.forget()
        logger.info(f"{what}: {response.message}")
        return response

    def _tick(self) -> None:
        core, memory, now = self.core, self._memory, time.monotonic()
        self.reports.ticked(now)
        if memory.arm_on_start and memory.active:
            memory.arm_on_start = not self._armed_now(now)
        core.watched(self._watch.strangers())
        setpoint = core.tick(now)
        if setpoint is not None and setpoint.streaming:
            self._stream(setpoint, self._now()[0])
        self._look_for_guard(now)
        self.reports.tell_changes(now)

    def _look_for_guard(self, now: float) -> None:
        missed = now - self._memory.guard_heard > max(GUARD_SILENCE, self._profile.driver.ages.driver)
        if missed and not self._memory.guard_trouble:
            self._node.get_logger().error("the stop guard has fallen silent: nobody stops the arm if this driver dies")
        self._memory.guard_trouble = "the stop guard is silent" if missed else ""

    def _armed_now(self, now: float) -> bool:
        if self.core.state == DriverState.DISARMED and not self._gripper.absent and not self._servo.absent:
            self.core.arm(now)
        return self.core.state != DriverState.DISARMED

    def _stream(self, setpoint: Setpoint, clock: float) -> None:
        profile = self._profile
        if profile.driver.output == Output.POSE:
            message = conversions.setpoint_pose(setpoint, profile.tool, clock, profile.base_frame)
        else:
            message = conversions.setpoint_twist(setpoint, clock, profile.base_frame)
        self._setpoints.publish(message)
        self._gripper.send(setpoint.gripper, setpoint.effort)
        self._memory.closed = setpoint.gripper == GripperCommand.CLOSE
