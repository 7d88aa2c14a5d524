"""Tells the arm to stop when the driver dies without doing so: kill -9, out of memory, a crash of the interpreter.

A second process, because a dead one cannot speak. No safety-rated stop, as the driver's is none.
"""

import time
from typing import Any

from geometry_msgs.msg import PoseStamped, TwistStamped
from qtopt_msgs.msg import SafetyStatus
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from std_msgs.msg import Bool

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.graph import settings, topics
from qtopt_agent.graph.parameters import declare
from qtopt_agent.graph.process import run_node
from qtopt_agent.nodes import conversions, diagnostics
from qtopt_agent.nodes.qos import RELIABLE, SENSOR, SETPOINT
from qtopt_agent.nodes.strangers import StrangerWatch
from qtopt_agent.safety.arm_profile import arm_profile
from qtopt_agent.safety.driver_settings import Output
from qtopt_agent.safety.stop_guard import StopGuardCore

PERIOD = 0.02  # s
ALIVE_PERIOD = 0.2  # s between two words that the guard lives


class StopGuard(Node):
    """Listens to the driver, and speaks in its place once it is dead; what decides is in safety/stop_guard.py."""

    def __init__(self) -> None:
        super().__init__("stop_guard")
        profile = arm_profile(declare(self, settings.STOP_GUARD))
        self._core = StopGuardCore(profile.driver)
        self._silence, self._frame = profile.driver.ages.driver, profile.base_frame
        self._poses = profile.driver.output == Output.POSE
        kind = PoseStamped if self._poses else TwistStamped
        self.create_subscription(SafetyStatus, topics.SAFETY, self._on_status, RELIABLE)
        if self._poses:
            self.create_subscription(kind, profile.output_topic, self._on_setpoint, SENSOR)
        # Where the pose comes from tf, the driver publishes it there.
        self.create_subscription(PoseStamped, profile.pose_topic or topics.POSE, self._on_pose, SENSOR)
        self._out = self.create_publisher(kind, profile.output_topic, SETPOINT)
        self._alive = self.create_publisher(Bool, topics.GUARD, RELIABLE)
        self._alive_said = float("-inf")
        self._watch = StrangerWatch(self, profile.output_topic, (self.get_name(), "arm_driver"))
        self.create_timer(PERIOD, self._look, clock=Clock(clock_type=ClockType.STEADY_TIME))
        diagnostics.Diagnostics(self, "watching the driver", self._diagnose)

    def stop(self) -> bool:
        """Wait until the driver has disarmed, or is found dead and the arm has been told to stop."""
        return not self._core.armed and not self._core.stopping

    def _on_status(self, message: Any) -> None:
        try:
            self._core.status(conversions.driver_state(message))
        except InvalidInput as error:
            self.get_logger().error(str(error), throttle_duration_sec=1.0)

    def _on_setpoint(self, message: Any) -> None:
        stamp = conversions.seconds(message.header.stamp)
        self._core.setpoint(conversions.pose_values(message), stamp, conversions.clock_of(self))

    def _on_pose(self, message: Any) -> None:
        clock = conversions.clock_of(self)
        try:
            pose = conversions.pose_in(self._frame, message)
        except InvalidInput as error:
            self.get_logger().error(str(error), throttle_duration_sec=1.0)
            return
        self._core.measured(pose, conversions.seconds(message.header.stamp), clock, time.monotonic())

    def _look(self) -> None:
        core, now = self._core, time.monotonic()
        knew = core.died
        core.watched(self._watch.strangers())
        speaks = core.tick(now)
        if core.died and not knew:
            mute = self._poses and core.hold is None
            told = "its pose is not known, so it keeps its last set point" if mute else "the arm is told to stop"
            self.get_logger().error(f"the arm driver has died without disarming; {told}")
        if speaks or now - self._alive_said >= ALIVE_PERIOD:
            self._alive_said = now
            self._alive.publish(Bool(data=not core.died))
        if not speaks:
            return
        stamp = conversions.clock_of(self)
        if not self._poses:
            self._out.publish(TwistStamped(header=conversions.header(stamp, self._frame)))
        elif core.hold is not None:
            self._out.publish(conversions.pose_message(*core.hold, stamp, self._frame))

    def _diagnose(self) -> tuple[int, str, dict[str, object]]:
        core = self._core
        values: dict[str, object] = {"driver silent for, s": f"{core.silence:.3f}", "limit, s": self._silence}
        if core.died:
            return diagnostics.ERROR, "the arm driver has died without disarming", values
        return diagnostics.OK, "the driver is armed" if core.armed else "the driver is not armed", values


def main() -> int:
    """Run the node."""
    return run_node(StopGuard)
