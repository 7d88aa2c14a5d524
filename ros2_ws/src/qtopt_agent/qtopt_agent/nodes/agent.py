"""Looks at the newest image and asks the arm driver for one motion after another: the Grasp action."""

import threading
from typing import Any

from qtopt_msgs.action import Grasp
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn

from qtopt_agent.core.errors import QtoptError
from qtopt_agent.graph import settings, topics
from qtopt_agent.graph.parameters import declare
from qtopt_agent.graph.process import refused, run_node
from qtopt_agent.nodes import diagnostics
from qtopt_agent.nodes.configured_agent import ConfiguredAgent
from qtopt_agent.nodes.grasp_attempt import GraspAttempt


class Agent(LifecycleNode):
    """Takes one goal at a time while it is active. Everything that decides is in agent/agent_core.py."""

    def __init__(self) -> None:
        super().__init__("agent")
        self._p = declare(self, settings.AGENT)
        self._agent: ConfiguredAgent | None = None
        self._active = False
        self._choosing = threading.Lock()
        self._taken = False  # by a goal, from its acceptance to its result
        self._server: Any = None
        diagnostics.Diagnostics(self, "grasping", self._diagnose)

    def on_configure(self, state: Any) -> TransitionCallbackReturn:
        """Load the model and open all topics, services and the action."""
        import torch

        torch.set_num_threads(1)  # the networks are small: more threads would only wait for one another
        try:
            self._agent = ConfiguredAgent(self, self._p)
        except QtoptError as error:
            return refused(self, error)
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
        if (agent := self._agent) is not None:
            agent.close()
        self._agent = None
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: Any) -> TransitionCallbackReturn:
        """As when deactivated; a model that is being tried is given up."""
        self.stop()
        return TransitionCallbackReturn.SUCCESS

    def stop(self) -> bool:
        """End the attempt and a trial under way. Returns whether no attempt is left that has to send its result."""
        if (agent := self._agent) is not None:
            agent.end_trial()
        self._end_attempt()
        return not self._taken

    def _end_attempt(self) -> None:
        self._active = False
        if (agent := self._agent) is not None:
            agent.cancel()

    def _on_goal(self, request: Any) -> GoalResponse:
        with self._choosing:
            if self._taken or not self._active:
                return GoalResponse.REJECT
            self._taken = True
        return GoalResponse.ACCEPT

    def _on_cancel(self, handle: Any) -> CancelResponse:
        if (agent := self._agent) is not None:
            agent.cancel()
        return CancelResponse.ACCEPT

    def _execute(self, handle: Any) -> Any:
        try:
            if (agent := self._agent) is None:
                handle.abort()
                return Grasp.Result(message="the agent is not configured")
            return GraspAttempt(agent, handle, lambda: self._active, self.get_logger()).run()
        finally:
            self._taken = False

    def _diagnose(self) -> tuple[int, str, dict[str, object]]:
        agent = self._agent
        return agent.diagnose() if agent is not None else (diagnostics.WARN, "not configured", {})


def main() -> int:
    """Run the node."""
    return run_node(Agent, threads=6)
