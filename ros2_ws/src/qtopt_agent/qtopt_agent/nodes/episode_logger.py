"""Records every grasp attempt: the bytes of images, steps and events go from the wire to the disk as they are."""

from pathlib import Path
from typing import Any

from qtopt_msgs.msg import EpisodeEvent, GraspStep
from qtopt_msgs.srv import LabelEpisode
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CompressedImage, Image

from qtopt_agent.core.errors import InvalidInput, QtoptError
from qtopt_agent.episodes.disk_guard import GIB, DiskGuard
from qtopt_agent.episodes.log import EpisodeLog
from qtopt_agent.graph import settings, topics
from qtopt_agent.graph.parameters import declare
from qtopt_agent.graph.process import run_node
from qtopt_agent.nodes import diagnostics
from qtopt_agent.nodes.conversions import image_message
from qtopt_agent.nodes.pictures import picture_type, raw_image
from qtopt_agent.nodes.qos import RELIABLE
from qtopt_agent.perception.ingest import decode

# Every image counts, and one second of them may wait while the disk is busy.
IMAGES = QoSProfile(depth=30, reliability=ReliabilityPolicy.BEST_EFFORT)


class EpisodeLogger(Node):
    """Listens only: grasping goes on whatever happens here."""

    def __init__(self) -> None:
        super().__init__("episode_logger")
        p = declare(self, settings.EPISODE_LOGGER)
        folder, logger = Path(p["folder"]), self.get_logger()
        self._guard = DiskGuard(folder, int(p["disk.stop"] * GIB), int(p["disk.go_on"] * GIB))
        self._log = EpisodeLog(folder, self._guard, logger.info, logger.warning, p["buffer"] << 20)
        self._log.keep_leftovers()
        if picture_type(p["image_topic"]) is Image:
            self.create_subscription(Image, p["image_topic"], self._log.image, IMAGES, raw=True)
        else:
            self.create_subscription(CompressedImage, p["image_topic"], self._on_compressed, IMAGES)
        self.create_subscription(GraspStep, topics.STEP, self._log.step, RELIABLE, raw=True)
        self.create_subscription(EpisodeEvent, topics.EVENT, self._log.event, RELIABLE, raw=True)
        self.create_service(LabelEpisode, topics.LABEL, self._label)
        self.create_timer(1.0, self._log.tick, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._gone = (0, 0, 0)
        diagnostics.Diagnostics(self, "recording", self._diagnose)
        logger.info(f"recording below {folder.absolute()}; {self._guard}")

    def stop(self) -> bool:
        """Keep what an attempt under way has brought."""
        self._log.close()
        return True

    def _on_compressed(self, message: Any) -> None:
        try:
            pixels = decode(raw_image(message))
        except InvalidInput as error:
            self.get_logger().error(str(error), throttle_duration_sec=1.0)
            return
        image = image_message(pixels, 0.0, "")
        image.header = message.header
        self._log.image(serialize_message(image))

    def _label(self, request: Any, response: Any) -> Any:
        try:
            self._log.label(request.episode_id, request.success, request.author)
        except QtoptError as error:
            response.success, response.message = False, str(error)
            return response
        response.success, response.message = True, f"labelled {request.episode_id}"
        return response

    def _diagnose(self) -> tuple[int, str, dict[str, object]]:
        counts = self._log.counts
        gone, before = (counts.dropped, counts.cut, counts.lost), self._gone
        self._gone = gone
        values = vars(counts) | {"disk left, GiB": f"{self._guard.free() / GIB:.2f}"}
        if not self._guard.room():
            return diagnostics.ERROR, str(self._guard), values
        if gone != before:
            return diagnostics.WARN, "images, or an episode or its end, have been lost", values
        return diagnostics.OK, str(self._guard), values


def main() -> int:
    """Run the node."""
    return run_node(EpisodeLogger)
