"""What the measurements of a graph have in common: a node with pictures and a clock, and how times are told."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from sensor_msgs.msg import Image

from qtopt_agent.core.errors import QtoptError
from qtopt_agent.core.parameter import Parameter
from qtopt_agent.graph import topics
from qtopt_agent.graph.parameters import declare
from qtopt_agent.nodes.conversions import image_message
from qtopt_agent.nodes.qos import SENSOR

HEIGHT, WIDTH, RATE = 480, 640, 30.0
START = 60.0  # s for the node under test to come up

PARAMETERS = (
    Parameter("part", "", "decide, log or stop."),
    Parameter("model", "", "decide: folder of the model."),
    Parameter("count", 100, "Decisions, or faults of each input.", 1, 100_000),
    Parameter("seconds", 60.0, "log: how long.", 1.0, 3600.0),
    Parameter("pid", 0, "log: process whose processor time is measured.", 0, 2**31),
)


class BenchNode(Node):
    """The camera of the graph, and whatever else a measurement makes of it.

    p: the parameters. images: where pictures go. group: for callbacks that may run at once.
    """

    def __init__(self) -> None:
        super().__init__("graph_bench")
        self.p = declare(self, PARAMETERS)
        self.images = self.create_publisher(Image, topics.IMAGE, SENSOR)
        self.group = ReentrantCallbackGroup()
        self._pictures = np.random.default_rng(0).integers(0, 256, (4, HEIGHT, WIDTH, 3), np.uint8)

    def now(self) -> float:
        """ROS time, s."""
        return float(self.get_clock().now().nanoseconds / 1e9)

    def picture(self, number: int) -> Any:
        """A sensor_msgs/Image of now."""
        return image_message(self._pictures[number % len(self._pictures)], self.now(), "camera_optical_frame")

    def wait(self, condition: Callable[[], bool], what: str, limit: float = START) -> None:
        """Wait until `condition()` holds. Raises QtoptError, which says `what`, after `limit` s."""
        end = time.monotonic() + limit
        while not condition():
            if time.monotonic() > end:
                raise QtoptError(f"{what}: not within {limit:.0f} s")
            time.sleep(0.0005)


def quantiles(seconds: list[float]) -> dict[str, float]:
    """Median, 99th percentile and the longest, ms."""
    p50, p99, worst = np.percentile(1000 * np.array(seconds), (50, 99, 100))
    return {"p50": float(p50), "p99": float(p99), "worst": float(worst)}
