"""Looks at the newest image and asks the arm driver for one motion after another: the Grasp action."""

import os
import socket
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from geometry_msgs.msg import PoseStamped
from qtopt_msgs.action import Grasp
from qtopt_msgs.msg import EpisodeEvent, GraspCommand, GraspStep, GripperState, ModelInfo, SafetyStatus
from qtopt_msgs.srv import JudgeGrasp, LoadModel
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn

from qtopt_agent.agent.agent_core import AgentCore
from qtopt_agent.agent.inputs import InputLimits
from qtopt_agent.agent.model_changes import ModelChanges
from qtopt_agent.agent.values import AgentOutput, AgentSettings, GraspResult, Outcome, Phase
from qtopt_agent.core.errors import IncompatibleModel, InvalidInput, QtoptError
from qtopt_agent.core.printable import printable
from qtopt_agent.core.profile import get_profile
from qtopt_agent.graph import settings, topics
from qtopt_agent.graph.parameters import declare
from qtopt_agent.graph.process import refused, run_node
from qtopt_agent.models import store as model_store
from qtopt_agent.models.manifest import MANIFEST, Manifest
from qtopt_agent.models.signatures import read_trusted
from qtopt_agent.nodes import conversions, diagnostics
from qtopt_agent.nodes.pictures import picture_type, raw_image
from qtopt_agent.nodes.qos import LATCHED, RELIABLE, SENSOR
from qtopt_agent.perception.frame_gaps import FrameGaps

IDLE = 0.02  # s between two looks at the attempt while no message comes
CANCEL_TIME = 1.0  # s that the action server may take to note a cancel that it has accepted


class Agent(LifecycleNode):
    """Everything that decides is in agent/agent_core.py."""

    def __init__(self) -> None:
        super().__init__("agent")
        self._p = declare(self, settings.AGENT)
        self._core: AgentCore | None = None
        self._active = False
        self._asked_judge = False
        self._wake = threading.Event()
        self._choosing = threading.Lock()
        self._taken = False  # by a goal, from its acceptance to its result
        self._models: ModelChanges | None = None
        self._opened = ExitStack()  # closes what was opened to be configured
        self._server: Any = None
        self._latency = self._oldest = 0.0  # s, the longest since the last diagnostics
        self._images = self._attempts = self._decided = 0
        self._gaps = FrameGaps()
        diagnostics.Diagnostics(self, "grasping", self._diagnose)

    def on_configure(self, state: Any) -> TransitionCallbackReturn:
        """Load the model and open all topics, services and the action."""
        import torch

        torch.set_num_threads(1)  # the networks are small: more threads would only wait for one another
        p = self._p
        try:
            folder = conversions.model_folder(p["model"])
            version = model_store.model_in(folder)
            self._model_profile = profile = get_profile(model_store.verify(version)["profile"])
            limits = AgentSettings(
                InputLimits(p["image_age"], p["mismatch"]),
                p["input_timeout"],
                p["motion_timeout"],
                p["status_timeout"],
                p["judge_timeout"] if p["judge"] else 0.0,
                p["repeat"],
            )
            writer = f"{socket.gethostname()}-{os.getpid()}-{time.time_ns() % 10**9}"
            self._core = AgentCore(profile, limits, writer, clock=self._seconds)
            trusted = read_trusted(Path(p["trusted_keys"])) if p["trusted_keys"] else None
            self._models = ModelChanges(self._core, trusted)
            first = self._models.load(folder)
        except QtoptError as error:
            self._core = self._models = None
            return refused(self, error)
        opened = self._opened
        self._model_out = self._publisher(ModelInfo, topics.MODEL, LATCHED)
        self._command_out = self._publisher(GraspCommand, topics.COMMAND, RELIABLE)
        self._step_out = self._publisher(GraspStep, topics.STEP, RELIABLE)
        self._event_out = self._publisher(EpisodeEvent, topics.EVENT, RELIABLE)
        self._tell_model(first)
        models, goals = MutuallyExclusiveCallbackGroup(), ReentrantCallbackGroup()
        self._judge = self.create_client(JudgeGrasp, p["judge"], callback_group=goals) if p["judge"] else None
        if self._judge is not None:
            opened.callback(self.destroy_client, self._judge)
        for kind, topic, callback in (
            (picture_type(p["image_topic"]), p["image_topic"], self._on_image),
            (GripperState, topics.GRIPPER_STATE, self._on_gripper),
            (PoseStamped, p["pose_topic"] or topics.POSE, self._on_pose),
            (SafetyStatus, topics.SAFETY, self._on_status),
        ):
            opened.callback(self.destroy_subscription, self.create_subscription(kind, topic, callback, SENSOR))
        loading = self.create_service(LoadModel, topics.LOAD_MODEL, self._on_load, callback_group=models)
        opened.callback(self.destroy_service, loading)
        if self._server is None:  # kept from then on, refusing goals: Jazzy's executor falls over one that is destroyed
            self._server = ActionServer(
                self,
                Grasp,
                topics.GRASP,
                self._execute,
                callback_group=ReentrantCallbackGroup(),
                goal_callback=self._on_goal,
                cancel_callback=self._on_cancel,
            )
        if p["watch"] > 0 and not (folder / MANIFEST).exists():
            steady = Clock(clock_type=ClockType.STEADY_TIME)
            look = self.create_timer(p["watch"], self._look_for_model, callback_group=models, clock=steady)
            opened.callback(self.destroy_timer, look)
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: Any) -> TransitionCallbackReturn:
        """Accept goals from now on."""
        self._active = True
        return super().on_activate(state)

    def on_deactivate(self, state: Any) -> TransitionCallbackReturn:
        """End the attempt under way, with a command to stop, and accept no goals."""
        self._end_attempt()
        return super().on_deactivate(state)

    def on_cleanup(self, state: Any) -> TransitionCallbackReturn:
        """Close everything and forget the model. Refused while the result of an attempt is still to be sent."""
        if self._taken:
            return refused(self, QtoptError("an attempt is still coming to its end"))
        if self._models is not None:
            self._models.end()
        self._opened.close()
        self._core = self._models = self._judge = None
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: Any) -> TransitionCallbackReturn:
        """As when deactivated; a model that is being tried is given up."""
        self.stop()
        return TransitionCallbackReturn.SUCCESS

    def stop(self) -> bool:
        """End the attempt and a trial under way. Returns whether no attempt is left that has to send its result."""
        if self._models is not None:
            self._models.end()
        self._end_attempt()
        return not self._taken

    def _publisher(self, kind: Any, topic: str, qos: Any) -> Any:
        made = self.create_publisher(kind, topic, qos)
        self._opened.callback(self.destroy_publisher, made)
        return made

    def _end_attempt(self) -> None:
        self._active = False
        if self._core is not None:
            self._core.cancel()
        self._wake.set()

    def _seconds(self) -> float:
        return float(self.get_clock().now().nanoseconds * 1e-9)

    def _on_image(self, message: Any) -> None:
        if self._core is not None:
            self._images += 1
            stamp = conversions.seconds(message.header.stamp)
            self._oldest = max(self._oldest, self._seconds() - stamp)
            self._gaps.came(stamp)
            self._core.inputs.image(raw_image(message), stamp)
            self._wake.set()

    def _on_gripper(self, message: Any) -> None:
        if self._core is not None:
            self._core.inputs.gripper(message.aperture, message.closed, conversions.seconds(message.header.stamp))

    def _on_pose(self, message: Any) -> None:
        if self._core is None:
            return
        try:
            position, _ = conversions.pose_in(self._p["base_frame"], message)
        except InvalidInput as error:
            self.get_logger().error(str(error), throttle_duration_sec=1.0)
            return
        height = float(position[2]) - self._p["floor_height"]
        self._core.inputs.height(height, conversions.seconds(message.header.stamp))

    def _on_status(self, message: Any) -> None:
        if self._core is not None:
            try:
                self._core.status(conversions.driver_status(message))
            except InvalidInput as error:
                self.get_logger().error(str(error), throttle_duration_sec=1.0)
            self._wake.set()

    def _on_goal(self, request: Any) -> GoalResponse:
        with self._choosing:
            if self._taken or not self._active:
                return GoalResponse.REJECT
            self._taken = True
        return GoalResponse.ACCEPT

    def _on_cancel(self, handle: Any) -> CancelResponse:
        if self._core is not None:
            self._core.cancel()
        self._wake.set()
        return CancelResponse.ACCEPT

    def _execute(self, handle: Any) -> Any:
        try:
            return self._try_grasp(handle)
        finally:
            self._taken = False

    def _try_grasp(self, handle: Any) -> Any:
        core = self._core
        assert core is not None  # no goal is accepted before
        goal = conversions.goal(handle.request)
        try:
            episode_id = core.begin(goal)
        except InvalidInput as error:
            handle.abort()
            return Grasp.Result(message=str(error))
        self._attempts += 1
        self._asked_judge = started = False
        shown: tuple[int, int] | None = None
        while True:
            if handle.is_cancel_requested or not self._active:
                core.cancel()
            output = core.tick()
            if output.command is not None and not started and core.observed is not None:
                started = True
                version, stamp = core.model_version, core.observed.stamp
                name = self._model_profile.name
                self._event_out.publish(conversions.start_event(stamp, episode_id, name, "greedy", version, goal.seed))
            self._publish(output)
            if output.finished is not None:
                if started and output.finished.episode is not None:
                    self._event_out.publish(conversions.end_event(output.finished.episode))
                return self._conclude(handle, output.finished)
            if core.phase == Phase.JUDGING:
                self._ask_judge(core, episode_id)
            if (core.steps, core.phase) != shown:
                shown = core.steps, core.phase
                handle.publish_feedback(conversions.feedback(core.steps, core.phase, core.q))
            self._wake.wait(IDLE)
            self._wake.clear()

    def _publish(self, output: AgentOutput) -> None:
        frame = self._p["tip_frame"]
        if output.command is not None:
            self._command_out.publish(conversions.command_message(output.command, frame))
            motion = output.command.motion
            if motion.sequence != self._decided and not motion.action.terminate:  # else it repeats, or ends the attempt
                self._decided = motion.sequence
                self._latency = max(self._latency, self._seconds() - motion.stamp)
        if output.step is not None:
            self._step_out.publish(conversions.step_message(output.step, frame))

    def _conclude(self, handle: Any, result: GraspResult) -> Any:
        self.get_logger().info(f"{result.episode_id}: {result.outcome.name.lower()}, {result.message}")
        end = time.monotonic() + CANCEL_TIME
        while result.outcome == Outcome.CANCELLED and self._active and not handle.is_cancel_requested:
            if time.monotonic() > end:  # nobody has asked for it through the action
                break
            time.sleep(0.005)
        if result.outcome in (Outcome.TERMINATED, Outcome.STEP_LIMIT):
            handle.succeed()
        elif handle.is_cancel_requested:
            handle.canceled()
        else:
            handle.abort()
        return conversions.grasp_result(result)

    def _ask_judge(self, core: AgentCore, episode_id: str) -> None:
        if self._judge is None or self._asked_judge or not self._judge.service_is_ready():
            return
        self._asked_judge = True

        def answered(future: Any) -> None:
            verdict = future.result()
            if verdict is not None and verdict.judged:
                core.judged(verdict.success)
            elif verdict is not None:
                self.get_logger().warning(f"{episode_id} cannot be judged: {verdict.message}")
            self._wake.set()

        self._judge.call_async(JudgeGrasp.Request(episode_id=episode_id)).add_done_callback(answered)

    def _tell_model(self, manifest: Manifest) -> Any:
        info = conversions.model_info(manifest, self._seconds())
        self._model_out.publish(info)
        self.get_logger().info(f"deciding with model {info.version}, profile {info.profile}")
        return info

    def _on_load(self, request: Any, response: Any) -> Any:
        assert self._models is not None  # the service is opened after it is made
        try:
            response.model = self._tell_model(self._models.load(conversions.model_folder(request.folder)))
        except QtoptError as error:
            response.message = str(error)
            self.get_logger().error(f"model refused, the old one stays: {printable(str(error))}")
            return response
        response.success, response.message = True, f"deciding with {response.model.version}"
        return response

    def _look_for_model(self) -> None:
        assert self._models is not None  # the timer is made after it
        try:
            found = self._models.look(conversions.model_folder(self._p["model"]))
            if found is not None:
                self._tell_model(found)
        except IncompatibleModel as error:  # once for each model
            self.get_logger().error(f"new model kept out, the old one goes on: {printable(str(error))}")
        except QtoptError as error:
            self.get_logger().error(f"no new model: {printable(str(error))}", throttle_duration_sec=60.0)

    def _diagnose(self) -> tuple[int, str, dict[str, object]]:
        core = self._core
        if core is None:
            return diagnostics.WARN, "not configured", {}
        images, oldest, latency = self._images, self._oldest, self._latency
        self._images, self._oldest, self._latency = 0, 0.0, 0.0
        values = {
            "model": core.model_version,
            "images in the last second": images,
            "images dropped": self._gaps.dropped,
            "oldest image on arrival, s": f"{oldest:.3f}",
            "longest time from image to command, s": f"{latency:.3f}",
            "attempts": self._attempts,
        }
        if not images:
            return diagnostics.ERROR, "no image", values
        return diagnostics.OK, "grasping" if core.busy else "waiting for a goal", values


def main() -> int:
    """Run the node."""
    return run_node(Agent, threads=6)
