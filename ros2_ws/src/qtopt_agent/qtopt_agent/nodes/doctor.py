"""Listens to a running graph for a few seconds and prints what is wrong with it, as JSON. `qtopt doctor` starts it."""

import json
import statistics
import sys
import time
from array import array
from dataclasses import asdict
from functools import partial
from pathlib import PurePosixPath
from typing import Any

import rclpy
from geometry_msgs.msg import PoseStamped
from qtopt_msgs.msg import GraspCommand, GripperState, ModelInfo, SafetyStatus
from rcl_interfaces.msg import ParameterType
from rcl_interfaces.srv import GetParameters
from rclpy.node import Node
from rclpy.parameter import Parameter as NodeParameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CameraInfo, Image

from qtopt_agent.agent.inputs import InputLimits
from qtopt_agent.cells import agreement
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.parameter import Parameter
from qtopt_agent.doctor.running import Snapshot, Stream, examine
from qtopt_agent.graph import topics
from qtopt_agent.graph.parameters import declare
from qtopt_agent.nodes.conversions import header_stamp
from qtopt_agent.nodes.pictures import picture_type, raw_image
from qtopt_agent.nodes.qos import LATCHED
from qtopt_agent.safety.arm_profile import arm_cell, with_cell
from qtopt_agent.safety.commands import DriverState
from qtopt_agent.safety.watchdog import AgeLimits

PATIENCE = 3.0  # s for the arm driver to tell its parameters
ALL = QoSProfile(depth=100, reliability=ReliabilityPolicy.BEST_EFFORT)
ASKED = ("cell", "simulated", "workspace.low", "workspace.high", "image_topic", "camera_info_topic", "pose_topic")
AGES = ("ages.camera", "ages.gripper", "ages.pose", "ages.command")
PARAMETERS = (Parameter("seconds", 3.0, "How long to listen, s.", 0.5, 60.0),)


class _Heard:
    """Stamps of one topic's messages, their ages on arrival, and the newest message's bytes."""

    def __init__(self, node: Node, kind: Any, topic: str) -> None:
        self.topic, self.kind, self._node = node.resolve_topic_name(topic), kind, node
        self.stamps: list[float] = []
        self.ages: list[float] = []
        self.newest = b""
        self.sizes: set[tuple[int, int]] = set()
        node.create_subscription(kind, topic, self._on, ALL, raw=True)

    def _on(self, data: bytes) -> None:
        try:
            stamp = header_stamp(data)
        except InvalidInput:  # no message: what is counted are those that are
            return
        self.newest = data
        self.stamps.append(stamp)
        if self.kind is Image:
            image = deserialize_message(data, Image)
            self.sizes.add((image.height, image.width))
        self.ages.append(self._node.get_clock().now().nanoseconds / 1e9 - self.stamps[-1])

    def went_back(self) -> bool:
        """Whether a message was stamped earlier than the one before it."""
        return any(later < earlier for earlier, later in zip(self.stamps, self.stamps[1:], strict=False))

    def stream(self, seconds: float) -> Stream:
        """What was heard in that time."""
        frozen = len(self.stamps) > 1 and len(set(self.stamps)) == 1
        age = statistics.median(self.ages) if self.ages else float("nan")
        publishers = self._node.count_publishers(self.topic)
        return Stream(self.topic, len(self.stamps) / seconds, age, frozen, publishers)

    def message(self) -> Any:
        """The newest message, or None."""
        return deserialize_message(self.newest, self.kind) if self.newest else None


class Doctor(Node):
    """Listens to every topic of the ring."""

    def __init__(self) -> None:
        super().__init__("doctor")
        self.seconds = declare(self, PARAMETERS)["seconds"]
        self._limits: dict[str, Any] = {}
        self._status: Any = None
        self._model: Any = None
        self._info: agreement.CameraInfo | None = None

    def examine(self) -> list[dict[str, Any]]:
        """Ask, listen and judge: the findings as plain values."""
        known = with_cell({"cell": ""} | self._ask(["use_sim_time", *ASKED, *AGES]))
        simulated = bool(known.get("use_sim_time", False))
        if simulated:
            self.set_parameters([NodeParameter("use_sim_time", value=True)])
        images = known.get("image_topic", topics.IMAGE)
        kinds = {
            "camera": (picture_type(images), images),
            "gripper": (GripperState, topics.GRIPPER_STATE),
            "pose": (PoseStamped, known.get("pose_topic") or topics.POSE),
            "command": (GraspCommand, topics.COMMAND),
        }
        heard = {name: _Heard(self, *about) for name, about in kinds.items()}
        self.create_subscription(SafetyStatus, topics.SAFETY, partial(setattr, self, "_status"), ALL)
        info = known.get("camera_info_topic") or str(PurePosixPath(images).parent / "camera_info")
        self.create_subscription(CameraInfo, info, self._on_info, ALL)
        self.create_subscription(ModelInfo, topics.MODEL, partial(setattr, self, "_model"), LATCHED)
        self._spin(1.0)  # until publishers are found
        for each in heard.values():
            each.stamps.clear()
            each.ages.clear()
        self._spin(self.seconds)
        box = [tuple(known.get(f"workspace.{end}", ())) for end in ("low", "high")]
        image, jaw = heard["camera"].message(), heard["gripper"].message()
        snapshot = Snapshot(
            **{name: each.stream(self.seconds) for name, each in heard.items()},
            image=raw_image(image) if image else None,
            sizes=tuple(sorted(heard["camera"].sizes)),
            aperture=jaw.aperture if jaw else float("nan"),
            driver_state=DriverState(self._status.state) if self._status else None,
            driver_text=self._status.text if self._status else "",
            workspace=(box[0], box[1]) if len(box[0]) == len(box[1]) == 3 else None,
            cell=arm_cell(known),
            camera_info=self._info,
            model_profile=self._model.profile if self._model else "",
            model_version=self._model.version if self._model else "",
            clock_went_back=any(each.went_back() for each in heard.values()),
            uses_sim_time=simulated,
            clock_publishers=self.count_publishers(self.resolve_topic_name("/clock")),
        )
        ages = AgeLimits(*(known[name] for name in AGES)) if all(name in known for name in AGES) else AgeLimits()
        return [asdict(finding) for finding in examine(snapshot, InputLimits(), ages)]

    def _on_info(self, message: Any) -> None:
        k, d = tuple(map(float, message.k)), tuple(map(float, message.d))
        self._info = agreement.CameraInfo(message.width, message.height, k, d)

    def _ask(self, names: list[str]) -> dict[str, Any]:
        """Parameters of the arm driver; empty where there is none."""
        found = {}
        client = self.create_client(GetParameters, "arm_driver/get_parameters")
        if client.wait_for_service(PATIENCE):
            for name in names:  # one by one: a single unknown one would leave the answer empty
                future = client.call_async(GetParameters.Request(names=[name]))
                rclpy.spin_until_future_complete(self, future, timeout_sec=PATIENCE)
                if future.done() and future.result().values:
                    found[name] = _value(future.result().values[0])
        return found

    def _spin(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            rclpy.spin_once(self, timeout_sec=max(0.0, end - time.monotonic()))


def _value(message: Any) -> Any:
    fields = {
        ParameterType.PARAMETER_BOOL: "bool_value",
        ParameterType.PARAMETER_DOUBLE: "double_value",
        ParameterType.PARAMETER_STRING: "string_value",
        ParameterType.PARAMETER_DOUBLE_ARRAY: "double_array_value",
    }
    value = getattr(message, fields[message.type]) if message.type in fields else None
    return list(value) if isinstance(value, array) else value  # which is equal to no list


def main() -> int:
    """Print the findings, one JSON list, and end."""
    rclpy.init()
    node = Doctor()
    print(json.dumps(node.examine()), flush=True)
    node.destroy_node()
    rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
