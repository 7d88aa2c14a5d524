"""Guards every command and streams bounded set points to an arm. No safety-rated stop: keep the emergency stop near."""

import math
import time
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped, TwistStamped
from qtopt_msgs.msg import GraspCommand, GripperState, SafetyStatus
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from std_srvs.srv import SetBool, Trigger

from qtopt_agent.core.action import GripperCommand
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.graph import settings, topics
from qtopt_agent.graph.parameters import declare
from qtopt_agent.graph.process import refused, run_node
from qtopt_agent.nodes import conversions, diagnostics
from qtopt_agent.nodes.gripper import gripper_output
from qtopt_agent.nodes.pictures import picture_type
from qtopt_agent.nodes.qos import RELIABLE, SENSOR, SETPOINT
from qtopt_agent.nodes.strangers import StrangerWatch
from qtopt_agent.safety.arm_driver import ArmDriverCore
from qtopt_agent.safety.arm_profile import ArmProfile, arm_profile
from qtopt_agent.safety.commands import DriverState, Setpoint
from qtopt_agent.safety.driver_settings import STATUS_PERIOD, Output
from qtopt_agent.safety.reasons import Reason
from qtopt_agent.safety.tool_pose import unit_quaternion, yaw_and_tilt

STOP_TIME = 2.0  # s that a stop may take when the node is asked to end
GUARD_SILENCE = 2.0  # s after which a stop guard that has been heard before is said to be missing


class ArmDriver(LifecycleNode):
    """Disarmed until `/arm_driver/arm` is called; everything that decides is in safety/arm_driver.py."""

    def __init__(self) -> None:
        super().__init__("arm_driver")
        declared = declare(self, settings.ARM_DRIVER)
        self._arm_on_start = bool(declared.pop("arm_on_start"))
        self._given = declared
        self._core: ArmDriverCore | None = None
        self._active = False
        self._stopping_since: float | None = None
        self._status_sent = -math.inf
        self._last_reported: tuple[Any, ...] = ()
        self._asked: Any = None  # the message behind the core's last report
        self._last_answer: Any = None
        self._last_faults: tuple[Any, ...] = ()
        self._last_cut: Any = None
        self._closed = False
        self._limit_hits = self._faults = 0
        self._guard_heard = math.inf  # never
        self._guard_trouble = ""
        self._latest_tick = 0.0  # s, the longest time between two set points since the last diagnostics
        self._last_tick = -math.inf
        diagnostics.Diagnostics(self, "guarding", self._diagnose)

    def on_configure(self, state: Any) -> TransitionCallbackReturn:
        """Check the parameters and open all topics and services."""
        try:
            self._profile = profile = arm_profile(self._given)
        except InvalidInput as error:
            return refused(self, error)
        self._core = ArmDriverCore(profile.driver)
        pose = profile.driver.output == Output.POSE
        self._setpoints = self.create_publisher(PoseStamped if pose else TwistStamped, profile.output_topic, SETPOINT)
        self._statuses = self.create_publisher(SafetyStatus, topics.SAFETY, RELIABLE)
        self._gripper_states = self.create_publisher(GripperState, topics.GRIPPER_STATE, RELIABLE)
        self._gripper = gripper_output(self, profile.gripper)
        self._watch = StrangerWatch(self, profile.output_topic, (self.get_name(), "stop_guard"))
        images = profile.image_topic
        self._inputs = [
            # Raw: of an image only the stamp is read.
            self.create_subscription(picture_type(images), images, self._on_image, SENSOR, raw=True),
            self.create_subscription(JointState, profile.joint_states_topic, self._on_joints, SENSOR),
            self.create_subscription(GraspCommand, topics.COMMAND, self._on_command, RELIABLE),
            self.create_subscription(Bool, topics.GUARD, self._on_guard, RELIABLE),
        ]
        if profile.pose_topic:
            self._inputs.append(self.create_subscription(PoseStamped, profile.pose_topic, self._on_pose, SENSOR))
        else:
            from qtopt_agent.nodes.tip_pose import TipPose  # needs tf2_ros, which other profiles do without

            self._tip_pose = TipPose(self, profile.base_frame, profile.tip_frame, self._on_pose)
        self._offered = [
            self.create_service(SetBool, topics.ARM, self._on_arm),
            self.create_service(Trigger, topics.RESUME, self._on_resume),
        ]
        # Steady time: a simulator's clock that stands still must not stop the set points.
        self._timer = self.create_timer(1 / profile.rate, self._tick, clock=Clock(clock_type=ClockType.STEADY_TIME))
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: Any) -> TransitionCallbackReturn:
        """Accept the arm service from now on."""
        self._active = True
        return super().on_activate(state)

    def on_deactivate(self, state: Any) -> TransitionCallbackReturn:
        """Disarm: the arm slows down and stops, and nothing can arm it until the node is active again."""
        self._active = False
        if self._core is not None:
            self._core.disarm()
        return super().on_deactivate(state)

    def on_cleanup(self, state: Any) -> TransitionCallbackReturn:
        """Close everything. Refused while the arm is still slowing down."""
        if self._core is not None and self._core.state != DriverState.DISARMED:
            self.get_logger().error("the arm is still slowing down")
            return TransitionCallbackReturn.FAILURE
        self._close()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: Any) -> TransitionCallbackReturn:
        """Disarm; set points go on until the arm has stopped."""
        self._active = False
        if self._core is not None:
            self._core.disarm()
        return TransitionCallbackReturn.SUCCESS

    def stop(self) -> bool:
        """Slow down and stop. Returns whether the arm has been told to stand."""
        core, now = self._core, time.monotonic()
        if core is None:
            return True
        if self._stopping_since is None:
            self._stopping_since, self._active = now, False
            core.disarm()
        if core.state != DriverState.DISARMED and now - self._stopping_since <= STOP_TIME:
            return False
        self._report(core, now)  # the guard goes by the last word
        return True

    def _close(self) -> None:
        if self._core is not None:
            self._report(self._core, time.monotonic())
        self.destroy_timer(self._timer)
        for subscription in self._inputs:
            self.destroy_subscription(subscription)
        for service in self._offered:
            self.destroy_service(service)
        for publisher in (self._setpoints, self._statuses, self._gripper_states):
            self.destroy_publisher(publisher)
        self._gripper.destroy()
        if not self._profile.pose_topic:
            self._tip_pose.destroy()
        self._core = None

    def _now(self) -> tuple[float, float]:
        return conversions.clock_of(self), time.monotonic()

    def _on_image(self, data: bytes) -> None:
        if self._core is None:
            return
        try:
            stamp = conversions.header_stamp(data)
        except InvalidInput as error:
            self.get_logger().error(f"no picture: {error}", throttle_duration_sec=1.0)
            return
        if self._stamped("a picture", stamp):
            self._core.camera(stamp, *self._now())

    def _stamped(self, what: str, stamp: float) -> bool:
        if stamp == 0:
            self.get_logger().error(f"{what} comes without a stamp: it does not count", throttle_duration_sec=1.0)
        return stamp != 0

    def _on_joints(self, message: Any) -> None:
        gripper = self._profile.gripper
        if self._core is None or gripper.joint not in message.name:
            return
        place = list(message.name).index(gripper.joint)
        if place >= len(message.position):
            self.get_logger().error(f"{gripper.joint} has no position", throttle_duration_sec=1.0)
            return
        aperture = gripper.aperture(message.position[place])
        stamp = message.header.stamp
        if not self._stamped(f"the state of {gripper.joint}", conversions.seconds(stamp)):
            return
        self._core.gripper(aperture, conversions.seconds(stamp), *self._now())
        effort = message.effort[place] if place < len(message.effort) else math.nan
        closed = self._closed
        self._gripper_states.publish(
            conversions.gripper_state(aperture, effort, closed, stamp, self._profile.tip_frame)
        )

    def _on_pose(self, message: Any) -> None:
        if self._core is None:
            return
        try:
            position, orientation = conversions.pose_in(self._profile.base_frame, message)
            if np.isfinite(orientation).all():  # the core stops the arm on what is not finite
                orientation = unit_quaternion(orientation)
        except InvalidInput as error:
            self.get_logger().error(str(error), throttle_duration_sec=1.0)
            return
        yaw, tilt = yaw_and_tilt(orientation, self._profile.tool)
        self._core.measured(position, yaw, conversions.seconds(message.header.stamp), *self._now(), tilt)

    def _on_command(self, message: Any) -> None:
        if self._core is None:
            return
        try:
            command = conversions.motion_command(message)
        except InvalidInput as error:
            self.get_logger().error(f"command refused: {error}", throttle_duration_sec=1.0)
            return
        report = self._core.command(command, *self._now())
        if report.asked is command:  # else it repeats one
            self._asked = message
        if report.cuts and report is not self._last_cut:
            self._last_cut, self._limit_hits = report, self._limit_hits + 1
            self.get_logger().debug(f"{command.writer} {command.sequence}: " + "; ".join(report.cuts))
        self._report_changes(self._core, time.monotonic())  # answers at once

    def _on_guard(self, message: Any) -> None:
        self._guard_heard = time.monotonic()
        if not message.data and self._core is not None:
            self._core.overruled()

    def _on_arm(self, request: Any, response: Any) -> Any:
        if not request.data:
            self._arm_on_start = False
            if self._core is not None:
                self._core.disarm()
            response.success, response.message = True, "disarmed"
            return response
        return self._release(response, "arm")

    def _on_resume(self, request: Any, response: Any) -> Any:
        return self._release(response, "resume")

    def _release(self, response: Any, what: str) -> Any:
        core = self._core
        if core is None or not self._active:
            response.message = "the driver is not active"
            return response
        if self._gripper.absent:
            response.message = self._gripper.absent
            self.get_logger().warning(f"{what}: {response.message}", throttle_duration_sec=2.0)
            return response
        try:
            reasons = (core.arm if what == "arm" else core.resume)(time.monotonic())
        except InvalidInput as error:
            response.message = str(error)
            return response
        response.success = core.state == DriverState.ARMED
        response.message = "armed" if response.success else self._in_words(reasons) or "no pose has been measured"
        if response.success and what == "arm":
            self._gripper.forget()
        self.get_logger().info(f"{what}: {response.message}")
        return response

    def _tick(self) -> None:
        core = self._core
        if core is None:
            return
        now = time.monotonic()
        self._latest_tick = max(self._latest_tick, now - self._last_tick) if self._last_tick > 0 else 0.0
        self._last_tick = now
        if self._arm_on_start and self._active:
            self._arm_on_start = not self._armed_now(core, now)
        core.watched(self._watch.strangers())
        setpoint = core.tick(now)
        if setpoint is not None and setpoint.streaming:
            self._stream(setpoint, self._now()[0])
        self._look_for_guard(now)
        self._report_changes(core, now)

    def _look_for_guard(self, now: float) -> None:
        missed = now - self._guard_heard > max(GUARD_SILENCE, self._profile.driver.ages.driver)
        if missed and not self._guard_trouble:
            self.get_logger().error("the stop guard has fallen silent: nobody stops the arm if this driver dies")
        self._guard_trouble = "the stop guard is silent" if missed else ""

    def _armed_now(self, core: ArmDriverCore, now: float) -> bool:
        if core.state == DriverState.DISARMED and not self._gripper.absent:
            core.arm(now)
        return core.state != DriverState.DISARMED

    def _stream(self, setpoint: Setpoint, clock: float) -> None:
        profile: ArmProfile = self._profile
        if profile.driver.output == Output.POSE:
            message = conversions.setpoint_pose(setpoint, profile.tool, clock, profile.base_frame)
        else:
            message = conversions.setpoint_twist(setpoint, clock, profile.base_frame)
        self._setpoints.publish(message)
        self._gripper.send(setpoint.gripper, setpoint.effort)
        self._closed = setpoint.gripper == GripperCommand.CLOSE

    def _report_changes(self, core: ArmDriverCore, now: float) -> None:
        same = (core.state, core.faults, core.moving) == self._last_reported and core.report is self._last_answer
        if not same or now - self._status_sent >= STATUS_PERIOD:
            self._report(core, now)

    def _in_words(self, reasons: tuple[Reason, ...]) -> str:
        texts = list(map(str, reasons))
        if Reason.FOREIGN_SETPOINTS in reasons and self._core is not None and self._core.strangers:
            texts.append(f"{', '.join(self._core.strangers)} on {self._profile.output_topic}")
        return "; ".join(texts)

    def _report(self, core: ArmDriverCore, now: float) -> None:
        reasons, clock = self._in_words(core.faults), self._now()[0]
        if core.faults and core.faults != self._last_faults:
            self._faults += 1
            self.get_logger().error(f"stopping: {reasons}")
        self._last_faults, self._last_answer = core.faults, core.report
        self._last_reported = (core.state, core.faults, core.moving)
        self._status_sent = now
        text = reasons or core.state.name.lower()
        text = "; ".join(filter(None, (text, self._guard_trouble, self._gripper.trouble)))
        message = conversions.safety_status(
            core.state, core.report, self._asked, core.faults, core.moving, text, clock, self._profile.base_frame
        )
        self._statuses.publish(message)

    def _diagnose(self) -> tuple[int, str, dict[str, object]]:
        core = self._core
        if core is None:
            return diagnostics.WARN, "not configured", {}
        late, self._latest_tick = self._latest_tick, 0.0
        values = {
            "state": core.state.name,
            "longest time between set points, s": f"{late:.4f}",
            "commands cut or refused": self._limit_hits,
            "stops": self._faults,
            **{f"age of {source}, s": f"{age:.3f}" for source, age in core.ages(time.monotonic()).items()},
        }
        if core.faults:
            return diagnostics.ERROR, "; ".join(core.faults), values
        trouble = self._gripper.trouble or self._gripper.absent or self._guard_trouble
        if trouble:
            return diagnostics.ERROR, trouble, values
        return diagnostics.OK, core.state.name.lower(), values


def main() -> int:
    """Run the node."""
    return run_node(ArmDriver)
