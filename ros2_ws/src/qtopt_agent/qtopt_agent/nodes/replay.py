"""Publishes what an episode recorded, byte for byte, at the pace at which it was recorded."""

import threading
import time
from pathlib import Path

from mcap.exceptions import McapError
from mcap.reader import make_reader
from qtopt_msgs.msg import EpisodeEvent, GraspStep
from rclpy.node import Node
from sensor_msgs.msg import Image

from qtopt_agent.core.errors import CorruptEpisode
from qtopt_agent.episodes.bag import mcap_file, type_of
from qtopt_agent.episodes.message_types import EVENT, IMAGE, STEP
from qtopt_agent.graph import settings, topics
from qtopt_agent.graph.parameters import declare
from qtopt_agent.graph.process import run_node
from qtopt_agent.nodes.qos import RELIABLE

MEETING_TIME = 1.0  # s for subscribers to be found before the first message


class Replay(Node):
    """Its thread reads and publishes; `finished` is 0 when it is done."""

    def __init__(self) -> None:
        super().__init__("replay")
        p = declare(self, settings.REPLAY)
        self.finished: int | None = None
        self._file, self._rate = mcap_file(Path(p["episode"])), p["rate"]
        recorded = {
            IMAGE: (Image, p["image_topic"]),
            STEP: (GraspStep, topics.STEP),
            EVENT: (EpisodeEvent, topics.EVENT),
        }
        self._out = {name: self.create_publisher(*about, RELIABLE) for name, about in recorded.items()}
        self._stopping = threading.Event()
        threading.Thread(target=self._run, name="replay", daemon=True).start()

    def stop(self) -> bool:
        """End before the next message."""
        self._stopping.set()
        return True

    def _run(self) -> None:
        try:
            self._publish_all()
        except (McapError, OSError) as error:
            raise CorruptEpisode(f"{self._file}: {error}") from error
        self.finished = 0

    def _publish_all(self) -> None:
        self._stopping.wait(MEETING_TIME)
        began, first = time.monotonic(), None
        with self._file.open("rb") as stream:
            for schema, channel, message in make_reader(stream).iter_messages(list(self._out)):
                first = message.log_time if first is None else first
                due = began + (message.log_time - first) * 1e-9 / self._rate
                if self._stopping.wait(max(0.0, due - time.monotonic())):
                    break
                self._out[channel.topic].publish(message.data + type_of(channel, schema).lacks)


def main() -> int:
    """Run the node."""
    return run_node(Replay)
