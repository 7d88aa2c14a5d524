"""Diagnostics once a second on /diagnostics, as the package diagnostic_updater sends them.

Our own publisher, so that the same node file runs where that package is not; and on steady time, because the package's
timer stands still with a simulator's clock, which is one of the faults to be told.
"""

from collections.abc import Callable

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from qtopt_agent.graph import topics
from qtopt_agent.nodes.conversions import clock_of, header
from qtopt_agent.nodes.qos import RELIABLE

OK, WARN, ERROR = 0, 1, 2
PERIOD = 1.0  # s
AT_WORK = "an attempt is under way"  # key of the agent's
Report = Callable[[], tuple[int, str, dict[str, object]]]


class Diagnostics:
    """Asks `report()` for a level, a line of text and named values, and publishes them as `NODE: TASK`.

    NODE has its namespace before it, if there is one.
    hardware_id: which device this is about, "none" where it is about none.
    """

    def __init__(self, node: Node, task: str, report: Report, hardware_id: str = "none") -> None:
        self._node, self._task, self._report, self._hardware_id = node, task, report, hardware_id
        self._out = node.create_publisher(DiagnosticArray, topics.DIAGNOSTICS, RELIABLE)
        node.create_timer(PERIOD, self._publish, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _publish(self) -> None:
        level, text, values = self._report()
        status = DiagnosticStatus(
            level=bytes([level]),
            name=f"{self._node.get_fully_qualified_name().lstrip('/')}: {self._task}",
            message=text,
            hardware_id=self._hardware_id,
            values=[KeyValue(key=key, value=str(value)) for key, value in values.items()],
        )
        self._out.publish(DiagnosticArray(header=header(clock_of(self._node)), status=[status]))
