"""One goal of the Grasp action, from the first look to its result."""

import time
from collections.abc import Callable
from typing import Any

from qtopt_msgs.action import Grasp
from qtopt_msgs.srv import JudgeGrasp

from qtopt_agent.agent.values import ENDED, AgentOutput, GraspResult, Outcome, Phase
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.nodes import conversions
from qtopt_agent.nodes.configured_agent import ConfiguredAgent

IDLE = 0.02  # s between two looks at the attempt while no message comes
CANCEL_TIME = 1.0  # s that the action server may take to note a cancel that it has accepted


class GraspAttempt:
    """Goes on until it ends, its client cancels it, or `active()` says no more. logger: the node's."""

    def __init__(self, agent: ConfiguredAgent, handle: Any, active: Callable[[], bool], logger: Any) -> None:
        self._agent, self._core, self._handle, self._active, self._logger = agent, agent.core, handle, active, logger
        self._goal = conversions.goal(handle.request)
        self._episode_id = ""
        self._started = self._asked_judge = False
        self._shown: tuple[int, int] | None = None

    def run(self) -> Any:
        """The result, which the client has been told the status of."""
        end = time.monotonic() + self._agent.input_timeout
        while self._active() and not self._handle.is_cancel_requested:
            late = not self._core.jaw_known and time.monotonic() < end  # as just after the start
            if not (late or self._core.held):  # held: by a person, from the attempt before or after a jog
                break
            self._wait()
        if self._agent.models is not None:
            self._agent.models.begins()
        try:
            self._episode_id = self._core.begin(self._goal)
        except InvalidInput as error:
            self._handle.abort()
            return Grasp.Result(message=str(error))
        self._agent.attempts += 1
        while True:
            if self._handle.is_cancel_requested or not self._active():
                self._core.cancel()
            output = self._core.tick()
            self._tell(output)
            if output.finished is not None:
                return self._conclude(output.finished)
            if self._core.phase == Phase.JUDGING:
                self._ask_judge()
            self._show_progress()
            self._wait()

    def _wait(self) -> None:
        self._agent.wake.wait(IDLE)
        self._agent.wake.clear()

    def _tell(self, output: AgentOutput) -> None:
        """The episode begins with the first decision, before its command, and ends with what was observed last."""
        core, events = self._core, self._agent.events
        if output.command is not None and not self._started and core.observed is not None:
            self._started = True
            about = (core.profile.name, core.policy_name, core.model_version, self._goal.seed)
            events.publish(conversions.start_event(core.observed.stamp, self._episode_id, *about))
        self._agent.publish(output)
        if self._started and output.finished is not None and output.finished.episode is not None:
            events.publish(conversions.end_event(output.finished.episode))

    def _show_progress(self) -> None:
        core = self._core
        if (core.steps, core.phase) != self._shown:
            self._shown = core.steps, core.phase
            self._handle.publish_feedback(conversions.feedback(core.steps, core.phase, core.q))

    def _ask_judge(self) -> None:
        judge = self._agent.judge
        if judge is None or self._asked_judge or not judge.service_is_ready():
            return
        self._asked_judge = True

        def answered(future: Any) -> None:
            verdict = future.result()
            if verdict is not None and verdict.judged:
                self._core.judged(verdict.success)
            elif verdict is not None:
                self._logger.warning(f"{self._episode_id} cannot be judged: {verdict.message}")
            self._agent.wake.set()

        judge.call_async(JudgeGrasp.Request(episode_id=self._episode_id)).add_done_callback(answered)

    def _conclude(self, result: GraspResult) -> Any:
        self._logger.info(f"{result.episode_id}: {result.outcome.name.lower()}, {result.message}")
        if self._agent.models is not None:
            self._agent.models.ended(result)
        end = time.monotonic() + CANCEL_TIME
        while result.outcome == Outcome.CANCELLED and self._active() and not self._handle.is_cancel_requested:
            if time.monotonic() > end:  # nobody has asked for it through the action
                break
            time.sleep(0.005)
        if result.outcome in ENDED:
            self._handle.succeed()
        elif self._handle.is_cancel_requested:
            self._handle.canceled()
        else:
            self._handle.abort()
        return conversions.grasp_result(result)
