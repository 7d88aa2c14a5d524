"""The measured pose of the finger tips, for arms that tell it by tf."""

import math
from collections.abc import Callable
from typing import Any

from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from tf2_msgs.msg import TFMessage

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.graph import topics
from qtopt_agent.nodes import conversions
from qtopt_agent.nodes.qos import SENSOR, STATIC_TRANSFORMS, TRANSFORMS
from qtopt_agent.safety.frame_tree import FrameTree


class TipPose:
    """Passes each new pose of `tip` in `base` on, and publishes it for the agent and the log."""

    def __init__(self, node: Node, base: str, tip: str, on_pose: Callable[[Any], None]) -> None:
        self._node, self._base, self._tip, self._on_pose = node, base, tip, on_pose
        self._tree = FrameTree()
        self._out = node.create_publisher(PoseStamped, topics.POSE, SENSOR)
        self._inputs = [
            node.create_subscription(TFMessage, topics.TF, self._on_moving, TRANSFORMS),
            node.create_subscription(TFMessage, topics.TF_STATIC, self._on_static, STATIC_TRANSFORMS),
        ]
        self._last = -math.inf

    def destroy(self) -> None:
        """Close its topics."""
        for each in self._inputs:
            self._node.destroy_subscription(each)
        self._node.destroy_publisher(self._out)

    def _on_static(self, message: Any) -> None:
        conversions.hear_transforms(self._tree, message, static=True)

    def _on_moving(self, message: Any) -> None:
        logger = self._node.get_logger()
        try:
            conversions.hear_transforms(self._tree, message, static=False)
            found = self._tree.pose(self._base, self._tip)
        except InvalidInput as error:
            logger.warning(f"no pose of {self._tip}: {error}", throttle_duration_sec=2.0)
            return
        if found.stamp != self._last and math.isfinite(found.stamp):
            self._last = found.stamp
            pose = conversions.pose_message(found.position, found.orientation, found.stamp, self._base)
            self._out.publish(pose)
            self._on_pose(pose)
