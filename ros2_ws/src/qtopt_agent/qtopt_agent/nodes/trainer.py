"""Learns from the episodes that are recorded, and publishes a candidate whenever a round of training has ended."""

import time
from pathlib import Path
from typing import Any

from qtopt_msgs.msg import ModelInfo, TrainerStatus
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from qtopt_agent.graph import settings, topics
from qtopt_agent.graph.parameters import declare
from qtopt_agent.graph.process import run_node
from qtopt_agent.models.released import find_model, released_models
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
            find_model(p["model"]) if p["model"] else released_models(),
            Path(p["candidates"]),
            Path(p["run"]),
            p["preset"],
            tuple(p["settings"].split()),
            p["min_episodes"],
            p["new_episodes"],
            p["steps"],
            p["seed"],
            p["hold_back"],
            p["simulate"],
            p["actors"],
        )
        self._trainer = Trainer(asked, self._published)
        self._out = self.create_publisher(TrainerStatus, topics.TRAINER, LATCHED)
        self.create_subscription(ModelInfo, topics.MODEL, self._on_model, LATCHED)
        self.create_timer(p["period"], self._trainer.tick, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self.create_timer(1.0, self._tell, clock=Clock(clock_type=ClockType.STEADY_TIME))
        diagnostics.Diagnostics(self, "training", self._diagnose)
        self._state, self._said = TrainerState.WAITING, -REMINDER
        self._trainer.tick()
        self._tell()

    def stop(self) -> bool:
        """End a round under way."""
        self._trainer.stop()
        return True

    def _on_model(self, message: Any) -> None:
        self._trainer.running = message.version

    def _published(self, folder: Path) -> None:
        self.get_logger().info(f"candidate {folder}: qtopt models promote {folder} --store ... puts it in force")

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
