"""Action servers: three services and two topics under `<name>/_action/` (design.ros2.org/articles/actions.html)."""

import threading
import time
import traceback
from collections.abc import Callable
from enum import Enum
from typing import Any

from action_msgs.msg import GoalInfo, GoalStatus, GoalStatusArray
from action_msgs.srv import CancelGoal

from ..callback_groups import CallbackGroup
from ..executors import call
from ..qos import QoSProfile, qos_profile_action_status_default, qos_profile_services_default
from ..service import Reply, answer

_ACTIVE = (GoalStatus.STATUS_ACCEPTED, GoalStatus.STATUS_EXECUTING, GoalStatus.STATUS_CANCELING)
_ANY_GOAL = bytes(16)


class GoalResponse(Enum):
    """Answer to a goal."""

    REJECT = 1
    ACCEPT = 2


class CancelResponse(Enum):
    """Answer to a request to cancel."""

    REJECT = 1
    ACCEPT = 2


class ServerGoalHandle:
    """A goal that was accepted."""

    def __init__(self, server: "ActionServer", info: Any, request: Any) -> None:
        self._server, self._info, self.request = server, info, request
        self._lock = threading.Lock()
        self._replies: list[Reply] = []
        self._response: Any = None
        self._ended = 0.0  # s, steady
        self.status = GoalStatus.STATUS_ACCEPTED

    @property
    def goal_id(self) -> Any:
        """Its unique_identifier_msgs/UUID."""
        return self._info.goal_id

    @property
    def is_active(self) -> bool:
        """Whether it has not ended."""
        return self.status in _ACTIVE

    @property
    def is_cancel_requested(self) -> bool:
        """Whether a request to cancel was accepted."""
        return self.status == GoalStatus.STATUS_CANCELING

    def execute(self, execute_callback: Callable[..., Any] | None = None) -> None:
        """Have the server's execute callback run, as a task of the executor."""
        if not self.is_cancel_requested:
            self._move((GoalStatus.STATUS_ACCEPTED,), GoalStatus.STATUS_EXECUTING)
        self._server._execute(self, execute_callback)

    def publish_feedback(self, feedback: Any) -> None:
        """Tell clients how it goes. Raises TypeError on another type."""
        if not isinstance(feedback, self._server.action_type.Feedback):
            raise TypeError(f"Expected {self._server.action_type.Feedback}, got {type(feedback)}")
        message = self._server.action_type.FeedbackMessage(goal_id=self.goal_id, feedback=feedback)
        self._server._feedback.publish(message)

    def succeed(self) -> None:
        """End it well. Raises RuntimeError unless it executes or is being cancelled; the next two likewise."""
        self._move((GoalStatus.STATUS_EXECUTING, GoalStatus.STATUS_CANCELING), GoalStatus.STATUS_SUCCEEDED)

    def abort(self) -> None:
        """End it as failed."""
        self._move((GoalStatus.STATUS_EXECUTING, GoalStatus.STATUS_CANCELING), GoalStatus.STATUS_ABORTED)

    def canceled(self) -> None:
        """End it as cancelled, which only a goal that was asked to may be."""
        self._move((GoalStatus.STATUS_CANCELING,), GoalStatus.STATUS_CANCELED)

    def _cancel(self) -> None:
        self._move((GoalStatus.STATUS_ACCEPTED, GoalStatus.STATUS_EXECUTING), GoalStatus.STATUS_CANCELING)

    def _move(self, allowed: tuple[int, ...], status: int) -> None:
        with self._lock:
            if self.status not in allowed:
                raise RuntimeError(f"goal in status {self.status} cannot go to status {status}")
            self.status = status
        self._server._publish_status()

    def _finish(self, result: Any) -> None:
        with self._lock:
            self._response = self._server.action_type.GetResult.Response(status=self.status, result=result)
            self._ended = time.monotonic()
            replies, self._replies = self._replies, []
        for reply in replies:
            reply(self._response)

    def _when_finished(self, reply: Reply) -> None:
        with self._lock:
            if self._response is None:
                self._replies.append(reply)
                return
        reply(self._response)


class ActionServer:
    """Serves one action. `execute_callback(goal_handle)` ends the goal and returns its result."""

    def __init__(
        self,
        node: Any,
        action_type: Any,
        action_name: str,
        execute_callback: Callable[[ServerGoalHandle], Any],
        *,
        callback_group: CallbackGroup | None = None,
        goal_callback: Callable[[Any], GoalResponse] = lambda _: GoalResponse.ACCEPT,
        handle_accepted_callback: Callable[[ServerGoalHandle], Any] = ServerGoalHandle.execute,
        cancel_callback: Callable[[ServerGoalHandle], CancelResponse] = lambda _: CancelResponse.REJECT,
        result_timeout: float = 900,
    ) -> None:
        self.action_type = action_type
        self._node, self._execute_callback, self._goal_callback = node, execute_callback, goal_callback
        self._handle_accepted_callback, self._cancel_callback = handle_accepted_callback, cancel_callback
        self._result_timeout = result_timeout
        self._goals: dict[bytes, ServerGoalHandle] = {}
        self._lock = threading.Lock()
        self._logger = node.get_logger().get_child("action_server")
        name, qos = f"{action_name}/_action", qos_profile_services_default
        self._feedback = node.create_publisher(action_type.FeedbackMessage, f"{name}/feedback", QoSProfile(depth=10))
        self._status = node.create_publisher(GoalStatusArray, f"{name}/status", qos_profile_action_status_default)
        on_cancel = answer(self._on_cancel, CancelGoal)
        self._services = [
            node._create_service(action_type.SendGoal, f"{name}/send_goal", self._on_goal, qos, callback_group),
            node._create_service(CancelGoal, f"{name}/cancel_goal", on_cancel, qos, callback_group),
            node._create_service(action_type.GetResult, f"{name}/get_result", self._on_result, qos, callback_group),
        ]
        self._publish_status()

    def destroy(self) -> None:
        """Withdraw the server."""
        for service in self._services:
            self._node.destroy_service(service)
        for publisher in (self._feedback, self._status):
            self._node.destroy_publisher(publisher)

    def _on_goal(self, request: Any, reply: Reply) -> None:
        key = bytes(request.goal_id.uuid)
        self._forget_old()
        answered = call(self._goal_callback, request.goal) if key not in self._goals else GoalResponse.REJECT
        if not isinstance(answered, GoalResponse):
            self._logger.warning("Goal request callback did not return a GoalResponse type. Rejecting goal.")
        response = self.action_type.SendGoal.Response(accepted=answered == GoalResponse.ACCEPT)
        if not response.accepted:
            reply(response)
            return
        response.stamp = self._node.get_clock().now().to_msg()
        goal = ServerGoalHandle(self, GoalInfo(goal_id=request.goal_id, stamp=response.stamp), request.goal)
        with self._lock:
            self._goals[key] = goal
        reply(response)
        call(self._handle_accepted_callback, goal)

    def _execute(self, goal: ServerGoalHandle, execute_callback: Callable[..., Any] | None) -> None:
        self._node.executor.create_task(self._run, goal, execute_callback or self._execute_callback)

    def _run(self, goal: ServerGoalHandle, execute_callback: Callable[..., Any]) -> None:
        try:
            result = call(execute_callback, goal)
        except Exception as error:
            self._logger.error(f"Error raised in execute callback: {error}\n{traceback.format_exc()}")
            result = self.action_type.Result()
        if goal.is_active:
            self._logger.warning(f"Goal state not set, assuming aborted. Goal ID: {bytes(goal.goal_id.uuid).hex()}")
            goal.abort()
        goal._finish(result)

    def _on_cancel(self, request: Any, response: Any) -> Any:
        wanted, stamp = bytes(request.goal_info.goal_id.uuid), _nanoseconds(request.goal_info.stamp)
        with self._lock:
            goals = dict(self._goals)
        if wanted != _ANY_GOAL and wanted not in goals:
            response.return_code = CancelGoal.Response.ERROR_UNKNOWN_GOAL_ID
            return response
        if wanted != _ANY_GOAL and not goals[wanted].is_active:
            response.return_code = CancelGoal.Response.ERROR_GOAL_TERMINATED
            return response
        for key, goal in goals.items():
            meant = key == wanted or (wanted == _ANY_GOAL and not stamp) or _nanoseconds(goal._info.stamp) <= stamp
            if meant and goal.is_active and call(self._cancel_callback, goal) == CancelResponse.ACCEPT:
                try:
                    goal._cancel()
                except RuntimeError as error:  # it ended, or was cancelled, in the meantime
                    self._logger.debug(f"Failed to cancel goal: {error}")
                else:
                    response.goals_canceling.append(goal._info)
        return response

    def _on_result(self, request: Any, reply: Reply) -> None:
        goal = self._goals.get(bytes(request.goal_id.uuid))
        if goal is None:
            reply(self.action_type.GetResult.Response(status=GoalStatus.STATUS_UNKNOWN))
        else:
            goal._when_finished(reply)

    def _forget_old(self) -> None:
        oldest = time.monotonic() - self._result_timeout
        with self._lock:
            old = [key for key, goal in self._goals.items() if goal._response is not None and goal._ended < oldest]
            for key in old:
                del self._goals[key]

    def _publish_status(self) -> None:
        with self._lock:
            listed = [GoalStatus(goal_info=goal._info, status=goal.status) for goal in self._goals.values()]
            self._status.publish(GoalStatusArray(status_list=listed))


def _nanoseconds(stamp: Any) -> int:
    return int(stamp.sec * 10**9 + stamp.nanosec)
