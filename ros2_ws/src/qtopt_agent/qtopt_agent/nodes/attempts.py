"""Asks a simulated graph for one grasp after another, with new objects each time, and counts."""

import threading
import time
from typing import Any

from qtopt_msgs.action import Grasp
from qtopt_msgs.msg import SafetyStatus
from qtopt_msgs.srv import ResetBin
from rclpy.action import ActionClient
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from std_srvs.srv import SetBool

from qtopt_agent.agent.values import Outcome
from qtopt_agent.core.errors import QtoptError
from qtopt_agent.core.seeds import derived_seed
from qtopt_agent.graph import settings, topics
from qtopt_agent.graph.parameters import declare
from qtopt_agent.graph.process import run_node
from qtopt_agent.nodes.qos import RELIABLE
from qtopt_agent.rollouts.tally import Tally
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
        tally = Tally(self._p["seed"], [outcome.name.lower() for outcome in Outcome])
        self._wait_for("the agent", self._grasp.server_is_ready, START_TIME)
        began = time.monotonic()
        while tally.episodes < count or not count:
            seed = derived_seed(self._p["seed"], tally.episodes)
            self._prepare(seed)
            result = self._try_grasp(seed % 2**31)
            outcome = Outcome(result.outcome).name.lower()
            tally.add(result.success, outcome, result.steps)
            self.get_logger().info(
                f"{tally.episodes}: {outcome} after {result.steps} steps, {result.message}; "
                f"{tally.successes} succeeded so far"
            )
            if self._p["result"] or tally.episodes == count:
                self._report(tally, time.monotonic() - began)

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

    def _report(self, tally: Tally, wall: float) -> None:
        self.get_logger().info(tally.summary(wall))
        if self._p["result"]:
            tally.write(self._p["result"], wall)

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
