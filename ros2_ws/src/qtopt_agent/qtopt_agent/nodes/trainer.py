"""Learns from the episodes that are recorded, and publishes a new model whenever a round of training has ended."""

import time
from pathlib import Path
from typing import Any

from qtopt_msgs.msg import TrainerStatus
from qtopt_msgs.srv import LoadModel
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from qtopt_agent.graph import settings, topics
from qtopt_agent.graph.parameters import declare
from qtopt_agent.graph.process import run_node
from qtopt_agent.nodes import diagnostics
from qtopt_agent.nodes.qos import LATCHED
from qtopt_agent.training.trainer import Trainer, TrainerSettings, TrainerState

REMINDER = 30.0  # s between two words on what is waited for


class TrainerNode(Node):
    """Says how far it is. The training itself is another process."""

    def __init__(self) -> None:
        super().__init__("trainer")
        p = declare(self, settings.TRAINER)
        asked = TrainerSettings(
            Path(p["episodes"]),
            Path(p["models"]),
            Path(p["run"]),
            p["preset"],
            tuple(p["settings"].split()),
            p["min_episodes"],
            p["new_episodes"],
            p["steps"],
            p["seed"],
        )
        self._deploy = p["deploy"]
        self._trainer = Trainer(asked, self._published)
        self._out = self.create_publisher(TrainerStatus, topics.TRAINER, LATCHED)
        self._agent = self.create_client(LoadModel, topics.LOAD_MODEL)
        self.create_timer(p["period"], self._trainer.tick, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self.create_timer(1.0, self._tell, clock=Clock(clock_type=ClockType.STEADY_TIME))
        diagnostics.Diagnostics(self, "training", self._diagnose)
        self._state, self._said = TrainerState.WAITING, -REMINDER
        self._trainer.tick()
        self._tell()

    def stop(self) -> bool:
        """End a round under way; its checkpoint is kept."""
        self._trainer.stop()
        return True

    def _published(self, folder: Path) -> None:
        self.get_logger().info(f"published {folder}")
        if not self._deploy:
            return
        if self._agent.service_is_ready():
            self._agent.call_async(LoadModel.Request(folder=str(folder.absolute()))).add_done_callback(self._loaded)
        else:
            self.get_logger().warning("no agent answers: it goes on with the model that it has")

    def _loaded(self, future: Any) -> None:
        answer = future.result()
        if answer.success:
            self.get_logger().info(f"the agent decides with {answer.model.version}")
        else:
            self.get_logger().error(f"the agent keeps {answer.model.version}: {answer.message}")

    def _tell(self) -> None:
        progress = self._trainer.progress
        if progress.state != self._state and progress.state == TrainerState.FAILED:
            self.get_logger().error(progress.text)
        elif progress.state != self._state or (
            progress.state == TrainerState.WAITING and time.monotonic() > self._said + REMINDER
        ):
            self.get_logger().info(f"{progress.state.name}: {progress.text}")
            self._said = time.monotonic()
        self._state = progress.state
        message = TrainerStatus(
            state=int(progress.state),
            episodes=progress.episodes,
            steps=progress.steps,
            steps_per_second=progress.rate,
            loss=progress.loss,
            version=progress.version,
            text=progress.text,
        )
        message.header.stamp = self.get_clock().now().to_msg()
        self._out.publish(message)

    def _diagnose(self) -> tuple[int, str, dict[str, object]]:
        progress = self._trainer.progress
        level = diagnostics.ERROR if progress.state == TrainerState.FAILED else diagnostics.OK
        return level, progress.text or progress.state.name, {"steps": progress.steps, "episodes": progress.episodes}


def main() -> int:
    """Run the node."""
    return run_node(TrainerNode)
