"""Which model a configured agent decides with: loaded at first, and changed on request or when a newer one appears."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from qtopt_msgs.msg import CycleStatus, ModelInfo
from qtopt_msgs.srv import LoadModel
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from qtopt_agent.agent.agent_core import AgentCore
from qtopt_agent.agent.model_changes import ModelChanges
from qtopt_agent.agent.turn_taking import TurnTaking
from qtopt_agent.agent.values import GraspResult
from qtopt_agent.core.errors import IncompatibleModel, InvalidInput, QtoptError
from qtopt_agent.core.printable import printable
from qtopt_agent.graph import topics
from qtopt_agent.models.manifest import MANIFEST, Manifest
from qtopt_agent.models.signatures import read_trusted
from qtopt_agent.nodes import conversions
from qtopt_agent.nodes.qos import LATCHED
from qtopt_agent.safety.arm_profile import arm_cell


class AgentModels:
    """Gives `core` its models, and tells which. What decides about them is in agent/model_changes.py."""

    def __init__(self, node: Node, p: Mapping[str, Any], core: AgentCore, opened: ExitStack) -> None:
        """Load the model of the parameters `p`; what is opened then is closed by `opened`. Raises QtoptError."""
        self._node, self._p = node, p
        folder = conversions.model_folder(p["model"])
        trusted = read_trusted(Path(p["trusted_keys"])) if p["trusted_keys"] else None
        self._changes = ModelChanges(core, trusted, cell=arm_cell(p), say=node.get_logger().warning)
        first = self._changes.load(folder)
        self._out = node.create_publisher(ModelInfo, topics.MODEL, LATCHED)
        opened.callback(node.destroy_publisher, self._out)
        self._tell(first)
        group = MutuallyExclusiveCallbackGroup()
        loading = node.create_service(LoadModel, topics.LOAD_MODEL, self._on_load, callback_group=group)
        opened.callback(node.destroy_service, loading)
        self._turns: TurnTaking | None = None
        if p["watch"] > 0 and not (folder / MANIFEST).exists():
            self._turns = TurnTaking(core, folder, self._changes.prepared, node.get_logger().info)
            heard = node.create_subscription(CycleStatus, topics.CYCLE, self._on_cycle, LATCHED, callback_group=group)
            opened.callback(node.destroy_subscription, heard)
            steady = Clock(clock_type=ClockType.STEADY_TIME)
            look = node.create_timer(p["watch"], self._look, callback_group=group, clock=steady)
            opened.callback(node.destroy_timer, look)

    def begins(self) -> None:
        """An attempt does, by the model whose turn it is."""
        if self._turns is not None:
            self._turns.begins()

    def ended(self, result: GraspResult) -> None:
        """It did, and its result is not told yet."""
        if self._turns is not None:
            self._turns.ended(result)

    def taking_turns(self) -> str:
        """The models that take turns and what came of it; empty where none do."""
        turns = self._turns.turns if self._turns is not None else None
        return str(turns or "")

    def end(self) -> None:
        """Give up a model that is being tried, and every later one."""
        self._changes.end()

    def _tell(self, manifest: Manifest) -> Any:
        info = conversions.model_info(manifest, conversions.clock_of(self._node))
        self._out.publish(info)
        self._node.get_logger().info(f"deciding with model {info.version}, profile {info.profile}")
        return info

    def _on_load(self, request: Any, response: Any) -> Any:
        try:
            if turns := self.taking_turns():
                raise InvalidInput(f"two models take turns, end that first: {turns}")
            response.model = self._tell(self._changes.load(conversions.model_folder(request.folder)))
        except QtoptError as error:
            response.message = str(error)
            self._node.get_logger().error(f"model refused, the old one stays: {printable(str(error))}")
            return response
        response.success, response.message = True, f"deciding with {response.model.version}"
        return response

    def _look(self) -> None:
        try:
            if self._turns is not None and self._turns.look():
                return
            found = self._changes.look(conversions.model_folder(self._p["model"]))
            if found is not None:
                self._tell(found)
        except IncompatibleModel as error:  # once for each model
            self._node.get_logger().error(f"new model kept out, the old one goes on: {printable(str(error))}")
        except QtoptError as error:
            self._node.get_logger().error(f"no new model: {printable(str(error))}", throttle_duration_sec=60.0)

    def _on_cycle(self, message: Any) -> None:
        assert self._turns is not None
        try:
            self._turns.counted(message.attempts, message.successes, message.episode_id)
        except QtoptError as error:
            self._node.get_logger().error(f"models that take turns: {printable(str(error))}")
