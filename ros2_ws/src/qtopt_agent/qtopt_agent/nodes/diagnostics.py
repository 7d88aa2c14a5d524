"""Diagnostics once a second, as diagnostic_msgs/DiagnosticArray: what diagnostic_updater would send."""

from collections.abc import Callable
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock, ClockType

from qtopt_agent.nodes import topics
from qtopt_agent.nodes.qos import RELIABLE

OK, WARN, ERROR = 0, 1, 2
PERIOD = 1.0  # s
Report = Callable[[], tuple[int, str, dict[str, object]]]


class Diagnostics:
    """Asks `report()` for a level, a line of text and named values, and publishes them under the node's name."""

    def __init__(self, node: Any, report: Report) -> None:
        self._node, self._report = node, report
        self._out = node.create_publisher(DiagnosticArray, topics.DIAGNOSTICS, RELIABLE)
        node.create_timer(PERIOD, self._publish, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _publish(self) -> None:
        level, text, values = self._report()
        status = DiagnosticStatus(level=bytes([level]), name=self._node.get_name(), message=text)
        status.values = [KeyValue(key=key, value=str(value)) for key, value in values.items()]
        message = DiagnosticArray(status=[status])
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._out.publish(message)
