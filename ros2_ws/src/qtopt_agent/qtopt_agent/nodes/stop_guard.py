"""Tells the arm to stop when the driver dies without doing so: kill -9, out of memory, a crash of the interpreter.

A second process, because a dead one cannot speak. No safety-rated stop, as the driver's is none.
"""

import time
from typing import Any

from geometry_msgs.msg import PoseStamped, TwistStamped
from qtopt_msgs.msg import SafetyStatus
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from qtopt_agent.nodes import conversions, diagnostics, settings, topics
from qtopt_agent.nodes.parameters import declare
from qtopt_agent.nodes.process import run_node
from qtopt_agent.nodes.qos import SENSOR, SETPOINT
from qtopt_agent.runtime.arm_profile import arm_profile
from qtopt_agent.safety.commands import DriverState
from qtopt_agent.safety.driver_settings import Output
from qtopt_agent.safety.stop_guard import StopGuardCore

PERIOD = 0.02  # s


class StopGuard(Node):
    """Listens to the driver, and speaks in its place once it is dead; what decides is in safety/stop_guard.py."""

    def __init__(self) -> None:
        super().__init__("stop_guard")
        given = declare(self, settings.STOP_GUARD)
        silence = given.pop("silence")
        profile = arm_profile(given)
        self._core = StopGuardCore(profile.driver, silence)
        self._silence, self._frame = silence, profile.base_frame
        self._poses = profile.driver.output == Output.POSE
        kind = PoseStamped if self._poses else TwistStamped
        self.create_subscription(kind, profile.output_topic, self._on_setpoint, SENSOR)
        self.create_subscription(SafetyStatus, topics.SAFETY, self._on_status, SENSOR)
        # Where the pose comes from tf, the driver publishes it there.
        self.create_subscription(PoseStamped, profile.pose_topic or topics.POSE, self._on_pose, SENSOR)
        self._out = self.create_publisher(kind, profile.output_topic, SETPOINT)
        self.create_timer(PERIOD, self._look, clock=Clock(clock_type=ClockType.STEADY_TIME))
        diagnostics.Diagnostics(self, "watching the driver", self._diagnose)

    def stop(self) -> bool:
        """Wait until the driver has disarmed, or is found dead and the arm has been told to stop."""
        return not self._core.armed and not self._core.stopping

    def _on_setpoint(self, message: Any) -> None:
        self._core.setpoint(time.monotonic(), conversions.pose_values(message) if self._poses else None)

    def _on_status(self, message: Any) -> None:
        self._core.status(message.state != DriverState.DISARMED, time.monotonic())

    def _on_pose(self, message: Any) -> None:
        clock = self.get_clock().now().nanoseconds * 1e-9
        stamp = conversions.seconds(message.header.stamp)
        self._core.measured(conversions.pose_values(message), stamp, clock, time.monotonic())

    def _look(self) -> None:
        core = self._core
        knew = core.died
        speaks = core.tick(time.monotonic())
        if core.died and not knew:
            mute = self._poses and core.hold is None
            told = "no pose to hold has been heard" if mute else "the arm is told to stop"
            self.get_logger().error(f"the arm driver has died without disarming; {told}")
        if not speaks:
            return
        stamp = self.get_clock().now().nanoseconds * 1e-9
        if not self._poses:
            self._out.publish(TwistStamped(header=conversions.header(stamp, self._frame)))
        elif core.hold is not None:
            self._out.publish(conversions.pose_message(*core.hold, stamp, self._frame))

    def _diagnose(self) -> tuple[int, str, dict[str, object]]:
        core = self._core
        silent = core.silent_for(time.monotonic())
        values: dict[str, object] = {"driver silent for, s": f"{silent:.3f}", "limit, s": self._silence}
        if core.died:
            return diagnostics.ERROR, "the arm driver has died without disarming", values
        return diagnostics.OK, "the driver is armed" if core.armed else "the driver is not armed", values


def main() -> int:
    """Run the node."""
    return run_node(StopGuard)
