"""The measured pose of the finger tips, for arms that tell it by tf."""

import math
from collections.abc import Callable
from typing import Any

from geometry_msgs.msg import PoseStamped
from rclpy.node import Node

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.graph import topics
from qtopt_agent.nodes import conversions
from qtopt_agent.nodes.frames import Frames
from qtopt_agent.nodes.qos import SENSOR


class TipPose:
    """Passes each new pose of `tip` in `base` on, and publishes it for the agent and the log."""

    def __init__(self, node: Node, base: str, tip: str, frames: Frames, on_pose: Callable[[Any], None]) -> None:
        self._node, self._base, self._tip, self._tree, self._on_pose = node, base, tip, frames.tree, on_pose
        self._out = node.create_publisher(PoseStamped, topics.POSE, SENSOR)
        self._last = -math.inf
        frames.follow(self._look)

    def destroy(self) -> None:
        """Close its topic."""
        self._node.destroy_publisher(self._out)

    def _look(self) -> None:
        try:
            found = self._tree.pose(self._base, self._tip)
        except InvalidInput as error:
            self._node.get_logger().warning(f"no pose of {self._tip}: {error}", throttle_duration_sec=2.0)
            return
        if found.stamp != self._last and math.isfinite(found.stamp):
            self._last = found.stamp
            pose = conversions.pose_message(found.position, found.orientation, found.stamp, self._base)
            self._out.publish(pose)
            self._on_pose(pose)
