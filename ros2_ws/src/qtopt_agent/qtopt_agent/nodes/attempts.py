"""Asks for one grasp after another through the action, in simulation with new objects each time, and counts."""

import json
import threading
import time
from pathlib import Path
from typing import Any

from qtopt_msgs.action import Grasp
from qtopt_msgs.msg import SafetyStatus
from qtopt_msgs.srv import ResetBin
from rclpy.action import ActionClient
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from std_srvs.srv import SetBool

from qtopt_agent.agent.values import Outcome
from qtopt_agent.core.errors import QtoptError, StorageError
from qtopt_agent.core.seeds import derived_seed
from qtopt_agent.graph import settings, topics
from qtopt_agent.graph.parameters import declare
from qtopt_agent.graph.process import run_node
from qtopt_agent.nodes.qos import RELIABLE
from qtopt_agent.rollouts.intervals import wilson
from qtopt_agent.safety.commands import DriverState

START_TIME = 60.0  # s for the rest of the graph to come up
ANSWER_TIME = 20.0  # s for a service
GRASP_TIME = 300.0  # s for a whole attempt
PAUSE = 0.15  # s before each try to arm: a driver arms on no pose that is older


class NoAnswer(QtoptError):
    """A part of the graph did not answer in time."""


class Attempts(Node):
    """Its thread talks to the graph; `finished` is 0 when it is done."""

    def __init__(self) -> None:
        super().__init__("attempts")
        self._p = declare(self, settings.ATTEMPTS)
        self.finished: int | None = None
        self._stopping = threading.Event()
        group = ReentrantCallbackGroup()
        self._grasp = ActionClient(self, Grasp, topics.GRASP, callback_group=group)
        self._arm = self.create_client(SetBool, topics.ARM, callback_group=group)
        self._reset = self.create_client(ResetBin, topics.RESET, callback_group=group)
        self._state: int | None = None
        self.create_subscription(SafetyStatus, topics.SAFETY, self._on_status, RELIABLE)
        self._thread = threading.Thread(target=self._run, name="attempts", daemon=True)
        self._thread.start()

    def _on_status(self, message: Any) -> None:
        self._state = message.state

    def stop(self) -> bool:
        """Ask for no more grasps."""
        self._stopping.set()
        return True

    def _run(self) -> None:
        try:
            self._try_all()
        except NoAnswer:
            if not self._stopping.is_set():
                raise
        self.finished = 0

    def _try_all(self) -> None:
        count = self._p["count"]
        results: list[Any] = []
        self._wait_for("the agent", self._grasp.server_is_ready, START_TIME)
        began = time.monotonic()
        while len(results) < count or not count:
            index = len(results)
            seed = derived_seed(self._p["seed"], index)
            if self._p["simulator"]:
                self._prepare(seed)
            results.append(self._try_grasp(seed % 2**31))
            successes = sum(result.success for result in results)
            result = results[-1]
            outcome = Outcome(result.outcome).name.lower()
            self.get_logger().info(
                f"{len(results)}: {outcome} after {result.steps} steps, {result.message}; {successes} succeeded so far"
            )
            if self._p["result"] or len(results) == count:
                self._report(results, time.monotonic() - began)

    def _prepare(self, seed: int) -> None:
        self._call("the arm driver", self._arm, SetBool.Request(data=False))
        self._wait_for("the arm driver", lambda: self._state == DriverState.DISARMED, ANSWER_TIME)  # and stands
        laid_out = self._call("the simulator", self._reset, ResetBin.Request(seed=seed))
        if not laid_out.success:
            raise NoAnswer(f"the simulator cannot lay out objects: {laid_out.message}")
        end = time.monotonic() + ANSWER_TIME
        while True:
            self._stopping.wait(PAUSE)
            armed = self._call("the arm driver", self._arm, SetBool.Request(data=True))
            if armed.success:
                return
            if time.monotonic() > end:
                raise NoAnswer(f"the arm driver cannot be armed: {armed.message}")

    def _try_grasp(self, seed: int) -> Any:
        handle = self._result("the agent", self._grasp.send_goal_async(Grasp.Goal(seed=seed)), ANSWER_TIME)
        if not handle.accepted:
            raise NoAnswer("the agent has refused the goal: it is busy, or not active")
        return self._result("the agent", handle.get_result_async(), GRASP_TIME).result

    def _report(self, results: list[Any], wall: float) -> None:
        count, successes = len(results), sum(result.success for result in results)
        low, high = wilson(successes, count)
        self.get_logger().info(
            f"{successes} of {count} grasps succeeded: {successes / count:.1%} "
            f"(95 % Wilson interval {low:.1%} to {high:.1%}), {wall / count:.1f} s a grasp"
        )
        if self._p["result"]:
            numbers = {
                "episodes": count,
                "successes": successes,
                "success": successes / count,
                "wilson_low": low,
                "wilson_high": high,
                "outcomes": {o.name.lower(): sum(r.outcome == o for r in results) for o in Outcome},
                "steps": sum(result.steps for result in results),
                "seed": self._p["seed"],
                "wall_s": wall,
            }
            try:
                Path(self._p["result"]).write_text(json.dumps(numbers, indent=2) + "\n", encoding="utf-8")
            except OSError as error:
                raise StorageError(f"result cannot be written: {error}") from error

    def _call(self, who: str, client: Any, request: Any) -> Any:
        self._wait_for(who, client.service_is_ready, START_TIME)
        return self._result(who, client.call_async(request), ANSWER_TIME)

    def _result(self, who: str, future: Any, limit: float) -> Any:
        self._wait_for(who, future.done, limit)
        return future.result()

    def _wait_for(self, who: str, ready: Any, limit: float) -> None:
        end = time.monotonic() + limit
        while not ready():
            if time.monotonic() > end or self._stopping.wait(0.002):
                raise NoAnswer(f"{who} did not answer within {limit:.0f} s")


def main() -> int:
    """Run the node."""
    return run_node(Attempts, threads=2)
