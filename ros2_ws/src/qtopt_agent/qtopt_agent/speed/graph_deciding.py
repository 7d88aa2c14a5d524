"""How long an agent takes from an image to the command made of it, and how long the same takes in one process."""

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped
from qtopt_msgs.action import Grasp
from qtopt_msgs.msg import GraspCommand, GripperState, SafetyStatus
from rclpy.action import ActionClient

from qtopt_agent.core.observation import Observation
from qtopt_agent.graph import topics
from qtopt_agent.models.folder import load, profile_of
from qtopt_agent.nodes.conversions import seconds
from qtopt_agent.nodes.pictures import raw_image
from qtopt_agent.nodes.qos import RELIABLE, SENSOR
from qtopt_agent.perception.ingest import ingest_image, ingest_spec
from qtopt_agent.speed.bench_node import RATE, BenchNode, quantiles


def decide(node: BenchNode) -> dict[str, Any]:
    """Stamp of an image to the command made from it, published and heard, and the same decision in this process."""
    alone = _decide_alone(node)
    client = ActionClient(node, Grasp, topics.GRASP, callback_group=node.group)
    surroundings = _Surroundings(node)
    try:
        node.wait(client.server_is_ready, "the agent is there")
        while len(surroundings.published) < node.p["count"]:
            sent = client.send_goal_async(Grasp.Goal(seed=len(surroundings.published)))
            node.wait(sent.done, "the agent takes a goal")
            if not sent.result().accepted:
                time.sleep(0.2)
                continue
            result = sent.result().get_result_async()
            node.wait(result.done, "the attempt ends", 120.0)
    finally:
        surroundings.close()
    return {
        "graph_ms": quantiles(surroundings.published),
        "heard_ms": quantiles(surroundings.heard),
        "one_process_ms": alone,
        "decisions": len(surroundings.published),
    }


def _decide_alone(node: BenchNode) -> dict[str, float]:
    """Image message to action, without any middleware."""
    import torch

    torch.set_num_threads(1)
    folder = Path(node.p["model"])
    policy, profile = load(folder), profile_of(folder)
    spec, rng = ingest_spec(profile), np.random.default_rng(0)
    state = np.zeros(profile.observation.state_size, np.float32)
    taken = []
    for number in range(node.p["count"]):
        message = node.picture(number)
        began = time.perf_counter()
        seen = ingest_image(raw_image(message), spec)
        policy.decide(Observation(seen, state, 0.0), rng)
        taken.append(time.perf_counter() - began)
        time.sleep(max(0.0, 1 / RATE - taken[-1]))
    return quantiles(taken)


class _Surroundings:
    """A camera, a jaw, a pose and an armed driver that has every motion done at once.

    published, heard: s from an image's stamp to the command made from it being sent, and arriving here.
    """

    def __init__(self, node: BenchNode) -> None:
        self.published: list[float] = []
        self.heard: list[float] = []
        self._node, self._on = node, True
        self._status = SafetyStatus(state=SafetyStatus.ARMED)
        self._statuses = node.create_publisher(SafetyStatus, topics.SAFETY, RELIABLE)
        self._jaws = node.create_publisher(GripperState, topics.GRIPPER_STATE, RELIABLE)
        self._poses = node.create_publisher(PoseStamped, topics.POSE, SENSOR)
        node.create_subscription(GraspCommand, topics.COMMAND, self._on_command, RELIABLE, callback_group=node.group)
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Fall silent."""
        self._on = False
        self._thread.join()

    def _on_command(self, command: Any) -> None:
        status = self._status
        if command.sequence > status.asked.sequence or command.writer != status.asked.writer:
            if np.isfinite(command.q):  # a stop is not decided from an image
                image = seconds(command.header.stamp)
                self.published.append(seconds(command.inference_stamp) - image)
                self.heard.append(self._node.now() - image)
            status.asked = status.allowed = command
        self._statuses.publish(status)

    def _loop(self) -> None:
        number = 0
        while self._on:
            number += 1
            began = time.monotonic()
            image = self._node.picture(number)
            jaw, pose = GripperState(header=image.header, aperture=0.08), PoseStamped(header=image.header)
            pose.pose.position.z = 0.2
            self._jaws.publish(jaw)
            self._poses.publish(pose)
            self._node.images.publish(image)
            self._statuses.publish(self._status)
            time.sleep(max(0.0, 1 / RATE - (time.monotonic() - began)))
