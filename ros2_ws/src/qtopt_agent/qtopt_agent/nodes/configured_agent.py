"""An agent with a model, and the topics that it decides from and commands through."""

import os
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from geometry_msgs.msg import PoseStamped
from qtopt_msgs.msg import EpisodeEvent, GraspCommand, GraspStep, GripperState, PersonCommand, SafetyStatus
from qtopt_msgs.srv import JudgeGrasp
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node

from qtopt_agent.agent.agent_core import AgentCore
from qtopt_agent.agent.inputs import InputLimits
from qtopt_agent.agent.values import AgentOutput, AgentSettings
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.profile import DETAILED, Profile
from qtopt_agent.graph import topics
from qtopt_agent.graph.settings import MODEL
from qtopt_agent.models.folder import profile_of
from qtopt_agent.models.store import model_in
from qtopt_agent.nodes import conversions, diagnostics
from qtopt_agent.nodes.agent_models import AgentModels
from qtopt_agent.nodes.pictures import picture_type, raw_image
from qtopt_agent.nodes.qos import RELIABLE, SENSOR
from qtopt_agent.perception.frame_gaps import FrameGaps
from qtopt_agent.policies.scripts import make_script
from qtopt_agent.safety.arm_profile import arm_cell, with_cell
from qtopt_agent.safety.motion import Pose
from qtopt_agent.safety.tool_pose import unit_quaternion, yaw_and_lean


class ConfiguredAgent:
    """What the agent node has from its being configured to its being cleaned up.

    core: decides. models: what it decides with; None where no model decides. wake: set when there may be something new
    to decide. judge: the client to ask whether a grasp has succeeded, or None. events: where attempts begin and end.
    attempts: so many. input_timeout: s that an attempt waits for a usable image or state.
    """

    def __init__(self, node: Node, p: Mapping[str, Any]) -> None:
        """Load the model, or make the script, of the parameters `p` and open all topics. Raises QtoptError."""
        self._node, self._p = node, with_cell(p)
        self._tool = unit_quaternion(p["tool_orientation"])
        profile = _profile(p)
        writer = f"{socket.gethostname()}-{os.getpid()}-{time.time_ns() % 10**9}"
        least = self._p["least_aperture"] * profile.cell.jaw.aperture
        self.core = AgentCore(profile, _settings(p, least), writer, clock=self._now)
        self.wake = threading.Event()
        self.attempts = 0
        self.input_timeout: float = p["input_timeout"]
        self._images = self._decided = 0
        self._latency = self._oldest = 0.0  # s, the longest since the last diagnostics
        self._gaps = FrameGaps()
        self._opened = ExitStack()
        self.models: AgentModels | None = None
        if p["policy"] == MODEL:
            self.models = AgentModels(node, p, self.core, self._opened)
        else:
            script = make_script(p["policy"], profile)
            self.core.use(script, script.name, version="")
        self._commands = self._publisher(GraspCommand, topics.COMMAND)
        self._steps = self._publisher(GraspStep, topics.STEP)
        self.events = self._publisher(EpisodeEvent, topics.EVENT)
        self.judge: Any = None
        if p["judge"]:
            self.judge = node.create_client(JudgeGrasp, p["judge"], callback_group=ReentrantCallbackGroup())
            self._opened.callback(node.destroy_client, self.judge)
        for kind, topic, callback in (
            (picture_type(p["image_topic"]), p["image_topic"], self._on_image),
            (GripperState, topics.GRIPPER_STATE, self._on_gripper),
            (PoseStamped, p["pose_topic"] or topics.POSE, self._on_pose),
            (SafetyStatus, topics.SAFETY, self._on_status),
            (PersonCommand, topics.PERSON, self._on_person),
        ):
            heard = node.create_subscription(kind, topic, callback, SENSOR)
            self._opened.callback(node.destroy_subscription, heard)

    def _publisher(self, kind: Any, topic: str) -> Any:
        made = self._node.create_publisher(kind, topic, RELIABLE)
        self._opened.callback(self._node.destroy_publisher, made)
        return made

    def close(self) -> None:
        """Close everything; a model that is being tried is given up."""
        self.end_trial()
        self._opened.close()

    def end_trial(self) -> None:
        """Give up a model that is being tried."""
        if self.models is not None:
            self.models.end()

    def cancel(self) -> None:
        """End the attempt under way."""
        self.core.cancel()
        self.wake.set()

    def publish(self, output: AgentOutput) -> None:
        """Its command and step, if there are any."""
        frame = self._p["tip_frame"]
        if output.command is not None:
            self._commands.publish(conversions.command_message(output.command, frame))
            motion = output.command.motion
            if motion.sequence != self._decided and not motion.action.terminate:  # else it repeats, or ends the attempt
                self._decided = motion.sequence
                self._latency = max(self._latency, self._now() - motion.stamp)
        if output.step is not None:
            self._steps.publish(conversions.step_message(output.step, frame))

    def diagnose(self) -> tuple[int, str, dict[str, object]]:
        """Level, text and values for diagnostics, which begin anew with each call."""
        images, oldest, latency = self._images, self._oldest, self._latency
        self._images, self._oldest, self._latency = 0, 0.0, 0.0
        values: dict[str, object] = {
            "policy": self.core.policy_name,
            "model": self.core.model_version,
            "models that take turns": self.models.taking_turns() if self.models is not None else "",
            "images in the last second": images,
            "images dropped": self._gaps.dropped,
            "oldest image on arrival, s": f"{oldest:.3f}",
            "longest time from image to command, s": f"{latency:.3f}",
            "attempts": self.attempts,
            diagnostics.AT_WORK: self.core.busy,
        }
        if not images:
            return diagnostics.ERROR, "no image", values
        return diagnostics.OK, "grasping" if self.core.busy else "waiting for a goal", values

    def _now(self) -> float:
        return float(self._node.get_clock().now().nanoseconds * 1e-9)

    def _on_image(self, message: Any) -> None:
        self._images += 1
        stamp = conversions.seconds(message.header.stamp)
        self._oldest = max(self._oldest, self._now() - stamp)
        self._gaps.came(stamp)
        self.core.inputs.image(raw_image(message), stamp)
        self.wake.set()

    def _on_gripper(self, message: Any) -> None:
        self.core.inputs.gripper(message.aperture, message.closed, conversions.seconds(message.header.stamp))

    def _on_pose(self, message: Any) -> None:
        try:
            position, orientation = conversions.pose_in(self._p["base_frame"], message)
            yaw, _ = yaw_and_lean(unit_quaternion(orientation), self._tool)
            tips = Pose(position - (0.0, 0.0, self._p["floor_height"]), yaw)
        except InvalidInput as error:
            self._node.get_logger().error(str(error), throttle_duration_sec=1.0)
            return
        self.core.inputs.tips(tips, conversions.seconds(message.header.stamp))

    def _on_person(self, message: Any) -> None:
        try:
            self.core.person(conversions.person_action(message), conversions.seconds(message.header.stamp))
        except InvalidInput as error:
            self._node.get_logger().error(str(error), throttle_duration_sec=1.0)
        self.wake.set()

    def _on_status(self, message: Any) -> None:
        try:
            self.core.status(conversions.driver_status(message))
        except InvalidInput as error:
            self._node.get_logger().error(str(error), throttle_duration_sec=1.0)
        self.wake.set()


def _profile(p: Mapping[str, Any]) -> Profile:
    """The model's, or for a script the detailed one in the arm's cell. Raises InvalidInput where there is no cell."""
    cell = arm_cell(p)
    if p["policy"] == MODEL:
        return profile_of(model_in(conversions.model_folder(p["model"]), cell))
    if cell is None:
        raise InvalidInput(f"cell is missing: {p['policy']} goes by the cell of the arm, which its profile names")
    return replace(DETAILED, cell=cell)


def _settings(p: Mapping[str, Any], least_aperture: float) -> AgentSettings:
    return AgentSettings(
        InputLimits(p["image_age"], p["mismatch"]),
        p["input_timeout"],
        p["motion_timeout"],
        p["status_timeout"],
        p["judge_timeout"] if p["judge"] else 0.0,
        least_aperture,
        p["person_age"],
        p["repeat"],
        p["epsilon"],
        p["noise"],
        p["device"],
    )
