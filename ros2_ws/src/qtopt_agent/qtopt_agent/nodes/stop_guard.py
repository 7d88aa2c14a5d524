"""Tells the arm to stop when the driver dies without doing so: kill -9, out of memory, a crash of the interpreter.

A second process, because a dead one cannot speak. No safety-rated stop, as the driver's is none.
"""

import math
import time
from typing import Any

from geometry_msgs.msg import PoseStamped, TwistStamped
from qtopt_msgs.msg import SafetyStatus
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from qtopt_agent.nodes import diagnostics, topics
from qtopt_agent.nodes.parameters import declare
from qtopt_agent.nodes.process import run_node
from qtopt_agent.nodes.qos import SENSOR, SETPOINT
from qtopt_agent.runtime.arm_profile import ARM_PARAMETERS, Parameter, arm_profile
from qtopt_agent.safety.commands import DriverState
from qtopt_agent.safety.driver_settings import Output

PERIOD = 0.02  # s
REPEATS = 10  # of the stop: a single message may be lost
SILENCE = Parameter(
    "silence", 0.3, "Without set points for this time, an armed driver is taken for dead, s.", 0.05, 5.0
)


class StopGuard(Node):
    """Listens to the driver, and speaks in its place once it is silent without having disarmed."""

    def __init__(self) -> None:
        super().__init__("stop_guard")
        given = declare(self, (*ARM_PARAMETERS, SILENCE))
        self._silence = given.pop("silence")
        profile = arm_profile(given)
        kind = PoseStamped if profile.driver.output == Output.POSE else TwistStamped
        self._frame = profile.base_frame
        self._armed, self._heard, self._died = False, math.inf, False
        self._measured: Any = None
        self._stop: Any = None
        self._left = 0  # repetitions of the stop
        self.create_subscription(kind, profile.output_topic, self._on_setpoint, SENSOR)
        self.create_subscription(SafetyStatus, topics.SAFETY, self._on_status, SENSOR)
        self.create_subscription(PoseStamped, profile.pose_topic or topics.POSE, self._on_pose, SENSOR)
        self._out = self.create_publisher(kind, profile.output_topic, SETPOINT)
        self.create_timer(PERIOD, self._look, clock=Clock(clock_type=ClockType.STEADY_TIME))
        diagnostics.Diagnostics(self, "watching the driver", self._diagnose)

    def stop(self) -> bool:
        """Wait until the driver has disarmed, or is found dead and the arm has been told to stop."""
        return not self._armed and not self._left

    def _on_setpoint(self, message: Any) -> None:
        self._heard = time.monotonic()

    def _on_status(self, message: Any) -> None:
        self._armed, self._died = message.state != DriverState.DISARMED, False
        self._heard = time.monotonic()
        self._left = 0  # it lives after all: two must not speak

    def _on_pose(self, message: Any) -> None:
        self._measured = message

    def _look(self) -> None:
        if self._armed and time.monotonic() - self._heard >= self._silence:
            self._armed, self._died, self._left = False, True, REPEATS
            self._stop = self._measured if self._out.msg_type is PoseStamped else TwistStamped()
            self.get_logger().error("the arm driver has died without disarming; the arm is told to stop")
        if self._left:
            self._left -= 1
            if self._stop is not None:
                self._stop.header.stamp, self._stop.header.frame_id = self.get_clock().now().to_msg(), self._frame
                self._out.publish(self._stop)

    def _diagnose(self) -> tuple[int, str, dict[str, object]]:
        silent = time.monotonic() - self._heard if math.isfinite(self._heard) else math.inf
        values: dict[str, object] = {"driver silent for, s": f"{silent:.3f}", "limit, s": self._silence}
        if self._died:
            return diagnostics.ERROR, "the arm driver has died without disarming", values
        return diagnostics.OK, "the driver is armed" if self._armed else "the driver is not armed", values


def main() -> int:
    """Run the node."""
    return run_node(StopGuard)
