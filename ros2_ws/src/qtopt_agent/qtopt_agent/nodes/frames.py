"""What /tf tells the arm driver, and what the driver tells there itself: tip and camera, if nobody else does."""

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from tf2_msgs.msg import TFMessage

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.rotations import matrix_of
from qtopt_agent.graph import topics
from qtopt_agent.nodes import conversions
from qtopt_agent.nodes.qos import STATIC_TRANSFORMS, TRANSFORMS
from qtopt_agent.safety.arm_profile import ArmProfile
from qtopt_agent.safety.frame_tree import FramePose, FrameTree
from qtopt_agent.safety.mounting import missing

PATIENCE = 3.0  # s for others to tell of their frames
PERIOD = 0.05  # s between two transforms of a tip whose pose comes by a topic


class Frames:
    """All frames that are heard of, and those that the driver adds. camera: the frame that pictures say, or empty."""

    def __init__(self, node: Node, profile: ArmProfile) -> None:
        self.tree, self.camera = FrameTree(), ""
        self._node, self._profile = node, profile
        self._news: Callable[[], None] | None = None
        self._moving = node.create_publisher(TFMessage, topics.TF, TRANSFORMS)
        self._fixed = node.create_publisher(TFMessage, topics.TF_STATIC, STATIC_TRANSFORMS)
        self._inputs = [
            node.create_subscription(TFMessage, topics.TF, self._on_moving, TRANSFORMS),
            node.create_subscription(TFMessage, topics.TF_STATIC, self._on_static, STATIC_TRANSFORMS),
        ]
        self._began = self._told = time.monotonic()
        self._tells_tip: bool | None = None
        self._timer = node.create_timer(1.0, self._mount, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def destroy(self) -> None:
        """Close its topics."""
        self._node.destroy_timer(self._timer)
        for each in self._inputs:
            self._node.destroy_subscription(each)
        self._node.destroy_publisher(self._moving)
        self._node.destroy_publisher(self._fixed)

    def follow(self, news: Callable[[], None]) -> None:
        """Call `news` after each message of frames that move."""
        self._news = news

    def measured(self, position: Any, orientation: Any, stamp: float) -> None:
        """The tip's pose in the base frame has come by a topic: it is told as a transform, if nobody else tells it."""
        now, p = time.monotonic(), self._profile
        if (
            now - self._began < PATIENCE
            or now - self._told < PERIOD
            or not np.isfinite([*position, *orientation]).all()
        ):
            return
        if self._tells_tip is None:
            self._tells_tip = not self.tree.knows(p.tip_frame)
        if self._tells_tip:
            self._told = now
            pose = FramePose(np.asarray(position), matrix_of(orientation), stamp)
            self.tree.hear(p.base_frame, p.tip_frame, [*pose.position], [*pose.orientation], stamp)
            self._moving.publish(self._message(p.base_frame, p.tip_frame, pose, stamp))

    def _mount(self) -> None:
        stamp = conversions.clock_of(self._node)
        if time.monotonic() - self._began < PATIENCE or not math.isfinite(stamp):
            return
        for each in missing(self._profile, self.tree, self.camera):
            self._node.get_logger().info(
                f"nobody tells where {each.child} is: in {each.parent}, as profile and cell say"
            )
            self.tree.hear(each.parent, each.child, [*each.pose.position], [*each.pose.orientation], math.inf)
            self._fixed.publish(self._message(each.parent, each.child, each.pose, stamp))

    def _message(self, parent: str, child: str, pose: FramePose, stamp: float) -> Any:
        return TFMessage(transforms=[conversions.transform_message(parent, child, pose, stamp)])

    def _on_static(self, message: Any) -> None:
        self._hear(message, static=True)

    def _on_moving(self, message: Any) -> None:
        if self._hear(message, static=False) and self._news is not None:
            self._news()

    def _hear(self, message: Any, static: bool) -> bool:
        try:
            conversions.hear_transforms(self.tree, message, static)
        except InvalidInput as error:
            self._node.get_logger().warning(f"a frame is not taken: {error}", throttle_duration_sec=2.0)
            return False
        return True
