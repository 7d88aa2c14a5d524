"""The measured pose of the finger tips, for arms that tell it by tf."""

from collections.abc import Callable
from typing import Any

from geometry_msgs.msg import PoseStamped
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.time import Time
from tf2_ros import Buffer, TransformException, TransformListener

from qtopt_agent.graph import topics
from qtopt_agent.nodes import conversions
from qtopt_agent.nodes.qos import SENSOR

PERIOD = 0.01  # s


class TipPose:
    """Looks the newest transform up 100 times a second, passes it on and publishes it for the agent and the log."""

    def __init__(self, node: Node, base: str, tip: str, on_pose: Callable[[Any], None]) -> None:
        self._node, self._base, self._tip, self._on_pose = node, base, tip, on_pose
        self._buffer = Buffer()
        self._listener = TransformListener(self._buffer, node)
        self._out = node.create_publisher(PoseStamped, topics.POSE, SENSOR)
        self._last = 0.0
        self._timer = node.create_timer(PERIOD, self._look, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def destroy(self) -> None:
        """Close its topics."""
        self._node.destroy_timer(self._timer)
        self._listener.unregister()
        self._node.destroy_publisher(self._out)

    def _look(self) -> None:
        try:
            found = self._buffer.lookup_transform(self._base, self._tip, Time())
        except TransformException as error:
            self._node.get_logger().warning(f"no pose of {self._tip}: {error}", throttle_duration_sec=2.0)
            return
        stamp = conversions.seconds(found.header.stamp)
        if stamp != self._last:
            self._last = stamp
            p, q = found.transform.translation, found.transform.rotation
            message = conversions.pose_message((p.x, p.y, p.z), (q.x, q.y, q.z, q.w), stamp, self._base)
            self._out.publish(message)
            self._on_pose(message)
