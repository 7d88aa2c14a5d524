"""Goes round on an arm: start pose, attempt, verdict, drop, label, and again; see agent/cycle.py, which decides."""

import os
import socket
import time
from functools import partial
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped
from qtopt_msgs.action import Grasp
from qtopt_msgs.msg import CycleStatus, GraspCommand, GripperState, SafetyStatus
from qtopt_msgs.srv import JudgeGrasp, LookAtBin
from rclpy.action import ActionClient
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from std_srvs.srv import Trigger

from qtopt_agent.agent.cycle import Cycle
from qtopt_agent.agent.cycle_values import Answer, Ask, CycleOutput, CycleSettings, CycleState, Fill, Service
from qtopt_agent.agent.places import Places
from qtopt_agent.agent.values import AgentCommand, Outcome
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.graph import settings, topics
from qtopt_agent.graph.parameters import declare
from qtopt_agent.graph.process import run_node
from qtopt_agent.nodes import conversions, diagnostics
from qtopt_agent.nodes.diagnostics import AT_WORK
from qtopt_agent.nodes.qos import LATCHED, RELIABLE, SENSOR
from qtopt_agent.rollouts.intervals import wilson
from qtopt_agent.rollouts.tally import Tally
from qtopt_agent.safety.arm_profile import ARM_PARAMETERS, arm_profile
from qtopt_agent.safety.tool_pose import unit_quaternion, yaw_and_lean

PERIOD = 0.02  # s between two ticks
TOLD = 1.0  # s between two words on how it goes
TROUBLE = {CycleState.HOLDING: diagnostics.ERROR} | dict.fromkeys(
    (CycleState.WAITING, CycleState.EMPTY, CycleState.PAUSED), diagnostics.WARN
)


class CycleNode(Node):
    """Hears and asks for the cycle, and tells how it goes; `finished` is 0 when all attempts have been made."""

    def __init__(self) -> None:
        super().__init__("cycle")
        p = declare(self, settings.CYCLE)
        self._profile = arm_profile({each.name: p[each.name] for each in ARM_PARAMETERS})
        if self._profile.cell is None:
            raise InvalidInput("cell is missing: start poses and places to drop at are drawn in the cell of the arm")
        away = tuple(p["retreat"]) if len(p["retreat"]) > 1 else ()
        limits, needs = self._profile.driver, ("agent", "success_detector")
        self.cycle = Cycle(
            Places(self._profile.cell, limits.step.workspace, away),
            limits,
            self._profile.gripper.open_aperture,
            (*needs, "episode_logger") if p["recording"] else needs,
            CycleSettings(**{name: p[name] for name in vars(CycleSettings())}),
            f"cycle-{socket.gethostname()}-{os.getpid()}-{time.time_ns() % 10**9}",
            partial(conversions.clock_of, self),
        )
        self.finished: int | None = None
        self._result, self._tally = p["result"], Tally(p["seed"], [outcome.name.lower() for outcome in Outcome])
        self._told: tuple[CycleState, str, int] | None = None
        self._told_at = 0.0
        self._unsent: Ask | None = None  # nobody has been there to ask yet
        self._attempt: Any = None  # the agent's goal
        self._asked: Ask | None = None
        self._commands = self.create_publisher(GraspCommand, topics.COMMAND, RELIABLE)
        self._out = self.create_publisher(CycleStatus, topics.CYCLE, LATCHED)
        self._grasp = ActionClient(self, Grasp, topics.GRASP)
        self._clients_of = {
            service: self.create_client(kind, topic)
            for service, kind, topic in (
                (Service.JUDGE, JudgeGrasp, topics.JUDGE),
                (Service.BEFORE, Trigger, topics.BIN_BEFORE),
                (Service.AFTER, JudgeGrasp, topics.BIN_AFTER),
                (Service.LOOK, LookAtBin, topics.BIN_LOOK),
                (Service.RESUME, Trigger, topics.RESUME),
            )
        }
        self.create_subscription(SafetyStatus, topics.SAFETY, self._on_status, SENSOR)
        self.create_subscription(PoseStamped, self._profile.pose_topic or topics.POSE, self._on_pose, SENSOR)
        self.create_subscription(GripperState, topics.GRIPPER_STATE, self._on_gripper, SENSOR)
        self.create_subscription(DiagnosticArray, topics.DIAGNOSTICS, self._on_diagnostics, RELIABLE)
        self.create_service(Trigger, topics.PAUSE, self._on_pause)
        self.create_service(Trigger, topics.GO_ON, self._on_resume)
        self.create_timer(PERIOD, self._tick, clock=Clock(clock_type=ClockType.STEADY_TIME))
        diagnostics.Diagnostics(self, "grasping", self._diagnose)

    def stop(self) -> bool:
        """Stop the arm, or have the agent stop it. Returns whether it stands."""
        if self.cycle.state != CycleState.DONE:
            self._do(self.cycle.stop())
            self._tell()
        driver = self.cycle.hand.driver
        return driver is None or not driver.moving or self.cycle.hand.silent() > TOLD

    def _tick(self) -> None:
        before = self.cycle.counts.successes
        self._do(self.cycle.tick())
        if self.cycle.counts.attempts > self._tally.episodes:
            self._count(self.cycle.counts.successes > before)
        state = self.cycle.state, self.cycle.text, self.cycle.counts.attempts
        if state != self._told or time.monotonic() - self._told_at >= TOLD:
            self._tell()
        if self.cycle.state == CycleState.DONE:
            self.finished = 0

    def _count(self, success: bool) -> None:
        last, tally = self.cycle.last, self._tally
        outcome = last.outcome.name.lower()
        tally.add(success, outcome, last.steps)
        self.get_logger().info(
            f"{tally.episodes}: {'success' if success else 'failure'}, {outcome} after {last.steps} steps; "
            f"{tally.successes} succeeded so far"
        )
        if self._result:
            tally.write(self._result, self.cycle.worked)

    def _do(self, output: CycleOutput) -> None:
        if output.cancel:
            self._unsent = self._asked = None
            if self._attempt is not None:
                self._attempt.cancel_goal_async()
                self._attempt = None
        if output.command is not None:
            nobody = AgentCommand(output.command, float("nan"), "", output.command.stamp)
            self._commands.publish(conversions.command_message(nobody, self._profile.tip_frame))
        if output.ask is not None:
            self._unsent = self._asked = output.ask
        if (ask := self._unsent) is not None and self._send(ask):
            self._unsent = None

    def _send(self, ask: Ask) -> bool:
        """Ask, if there is somebody."""
        if ask.service == Service.GRASP:
            if not self._grasp.server_is_ready():
                return False
            sent = self._grasp.send_goal_async(Grasp.Goal(seed=ask.seed))
            sent.add_done_callback(partial(self._on_goal, ask))
            return True
        client = self._clients_of[ask.service]
        if not client.service_is_ready():
            return False
        if ask.service in (Service.JUDGE, Service.AFTER):
            request: Any = JudgeGrasp.Request(episode_id=ask.episode_id)
        elif ask.service == Service.LOOK:
            request = LookAtBin.Request(remember=ask.remember)
        else:
            request = Trigger.Request()
        client.call_async(request).add_done_callback(partial(self._on_answer, ask))
        return True

    def _on_goal(self, ask: Ask, future: Any) -> None:
        handle = future.result()
        if not handle.accepted:
            self.cycle.answered(ask, Answer(False, message="the agent is busy, or not active"))
            return
        self._attempt = handle
        handle.get_result_async().add_done_callback(partial(self._on_result, ask))
        if ask is not self._asked:  # cancelled meanwhile
            handle.cancel_goal_async()

    def _on_result(self, ask: Ask, future: Any) -> None:
        result = future.result().result
        self._attempt = None
        outcome = Outcome(result.outcome)
        done = outcome != Outcome.UNKNOWN
        answer = Answer(done, result.success, result.message, outcome, result.episode_id, result.steps)
        self.cycle.answered(ask, answer)

    def _on_answer(self, ask: Ask, future: Any) -> None:
        answer = future.result()
        if ask.service in (Service.JUDGE, Service.AFTER):
            found = Answer(answer.judged, answer.success, answer.message)
        elif ask.service == Service.LOOK:
            found = Answer(answer.looked, answer.changed, answer.message, fill=Fill(answer.fill))
        else:
            found = Answer(answer.success, message=answer.message)
        if not found.done:
            self.get_logger().warning(f"{ask.service.name.lower()}: {found.message}", throttle_duration_sec=5.0)
        self.cycle.answered(ask, found)

    def _on_status(self, message: Any) -> None:
        try:
            self.cycle.hand.status(conversions.driver_status(message))
        except InvalidInput as error:
            self.get_logger().error(str(error), throttle_duration_sec=1.0)

    def _on_pose(self, message: Any) -> None:
        try:
            position, orientation = conversions.pose_in(self._profile.base_frame, message)
            yaw, _ = yaw_and_lean(unit_quaternion(orientation), self._profile.tool)
        except InvalidInput as error:
            self.get_logger().error(str(error), throttle_duration_sec=1.0)
            return
        self.cycle.hand.pose(position, yaw)

    def _on_gripper(self, message: Any) -> None:
        self.cycle.hand.gripper(message.aperture, message.closed)

    def _on_diagnostics(self, message: Any) -> None:
        space = self.get_namespace().strip("/")
        for status in message.status:
            node, _, name = status.name.partition(": ")[0].rpartition("/")
            if node == space:
                busy = any(each.key == AT_WORK and each.value == "True" for each in status.values)
                idle = name == "agent" and self._attempt is not None and not busy
                self.cycle.heard(name, status.message if status.level[0] == diagnostics.ERROR else "", idle)

    def _on_pause(self, request: Any, response: Any) -> Any:
        response.success = self.cycle.state != CycleState.DONE
        if response.success:
            self._do(self.cycle.pause())
        response.message = "paused" if response.success else self.cycle.text
        return response

    def _on_resume(self, request: Any, response: Any) -> Any:
        state, text = self.cycle.state, self.cycle.text
        response.success = state in (CycleState.PAUSED, CycleState.HOLDING, CycleState.EMPTY)
        response.message = f"goes on after: {text}" if response.success else f"it is {state.name.lower()}: {text}"
        self.cycle.resume()
        return response

    def _tell(self) -> None:
        cycle, counts = self.cycle, self.cycle.counts
        told = cycle.state, cycle.text, counts.attempts
        if self._told is None or told[:2] != self._told[:2]:
            if cycle.state in TROUBLE:
                self.get_logger().warning(self._in_words())
            else:
                self.get_logger().info(self._in_words())
        self._told, self._told_at = told, time.monotonic()
        low, high = wilson(counts.successes, counts.attempts) if counts.attempts else (conversions.NAN,) * 2
        message = CycleStatus(
            header=conversions.header(conversions.clock_of(self)),
            state=int(cycle.state),
            text=cycle.text,
            episode_id=cycle.last.episode_id,
            attempts=counts.attempts,
            successes=counts.successes,
            interrupted=counts.interrupted,
            nothing=counts.nothing,
            lost=counts.lost,
            stuck=counts.stuck,
            success_rate=counts.successes / counts.attempts if counts.attempts else conversions.NAN,
            wilson_low=float(low),
            wilson_high=float(high),
            picks_per_hour=counts.successes * 3600 / cycle.worked if counts.attempts else conversions.NAN,
        )
        self._out.publish(message)

    def _diagnose(self) -> tuple[int, str, dict[str, object]]:
        cycle = self.cycle
        values = {**vars(cycle.counts), "time at work, s": f"{cycle.worked:.0f}"}
        return TROUBLE.get(cycle.state, diagnostics.OK), self._in_words(), values

    def _in_words(self) -> str:
        cycle = self.cycle
        return f"{cycle.state.name.lower()}{cycle.text and ': '}{cycle.text}"


def main() -> int:
    """Run the node."""
    return run_node(CycleNode)
