"""Action clients."""

import time
import uuid
from collections.abc import Callable
from typing import Any

from action_msgs.msg import GoalInfo, GoalStatus, GoalStatusArray
from action_msgs.srv import CancelGoal
from unique_identifier_msgs.msg import UUID

from ..callback_groups import CallbackGroup
from ..qos import QoSProfile, qos_profile_action_status_default
from ..task import Future


class ClientGoalHandle:
    """A goal that a server has answered."""

    def __init__(self, client: "ActionClient", goal_id: Any, response: Any) -> None:
        self._client, self.goal_id, self._response = client, goal_id, response
        self.status = GoalStatus.STATUS_UNKNOWN

    @property
    def accepted(self) -> bool:
        """Whether the server took it."""
        return self._response.accepted

    @property
    def stamp(self) -> Any:
        """When the server took it."""
        return self._response.stamp

    def cancel_goal_async(self) -> Future:
        """Ask the server to cancel it; brings an action_msgs/CancelGoal response."""
        return self._client._cancel_goal.call_async(CancelGoal.Request(goal_info=GoalInfo(goal_id=self.goal_id)))

    def get_result_async(self) -> Future:
        """Brings the result, with its `status`, when the goal has ended."""
        return self._client._get_result.call_async(self._client._type.GetResult.Request(goal_id=self.goal_id))


class ActionClient:
    """Sends goals to one action."""

    def __init__(
        self, node: Any, action_type: Any, action_name: str, *, callback_group: CallbackGroup | None = None
    ) -> None:
        self._node, self._type = node, action_type
        self._on_feedback: dict[bytes, Callable[[Any], Any]] = {}
        self._handles: dict[bytes, ClientGoalHandle] = {}
        name, group = f"{action_name}/_action", callback_group
        self._send_goal = node.create_client(action_type.SendGoal, f"{name}/send_goal", callback_group=group)
        self._cancel_goal = node.create_client(CancelGoal, f"{name}/cancel_goal", callback_group=group)
        self._get_result = node.create_client(action_type.GetResult, f"{name}/get_result", callback_group=group)
        self._topics = [
            node.create_subscription(
                action_type.FeedbackMessage,
                f"{name}/feedback",
                self._feedback,
                QoSProfile(depth=10),
                callback_group=group,
            ),
            node.create_subscription(
                GoalStatusArray, f"{name}/status", self._status, qos_profile_action_status_default, callback_group=group
            ),
        ]

    def server_is_ready(self) -> bool:
        """Whether a server is there."""
        services = (self._send_goal, self._cancel_goal, self._get_result)
        return all(client.service_is_ready() for client in services) and all(
            topic.get_publisher_count() for topic in self._topics
        )

    def wait_for_server(self, timeout_sec: float | None = None) -> bool:
        """Wait up to `timeout_sec` s (None: for ever) for a server. Returns whether there is one."""
        end = None if timeout_sec is None else time.monotonic() + timeout_sec
        while self._node.context.ok() and not self.server_is_ready() and (end is None or time.monotonic() < end):
            time.sleep(0.01)
        return self.server_is_ready()

    def send_goal_async(
        self, goal: Any, feedback_callback: Callable[[Any], Any] | None = None, goal_uuid: Any = None
    ) -> Future:
        """Send a goal; the future brings a ClientGoalHandle. Raises TypeError on another type."""
        if not isinstance(goal, self._type.Goal):
            raise TypeError(f"Expected {self._type.Goal}, got {type(goal)}")
        goal_id = goal_uuid or UUID(uuid=list(uuid.uuid4().bytes))
        key, handled = bytes(goal_id.uuid), Future()
        if feedback_callback:
            self._on_feedback[key] = feedback_callback

        def answered(future: Future) -> None:
            handle = ClientGoalHandle(self, goal_id, future.result())
            if handle.accepted:
                self._handles[key] = handle
            else:
                self._on_feedback.pop(key, None)
            handled.set_result(handle)

        request = self._type.SendGoal.Request(goal_id=goal_id, goal=goal)
        self._send_goal.call_async(request).add_done_callback(answered)
        return handled

    def destroy(self) -> None:
        """Withdraw the client."""
        for client in (self._send_goal, self._cancel_goal, self._get_result):
            self._node.destroy_client(client)
        for topic in self._topics:
            self._node.destroy_subscription(topic)

    def _feedback(self, message: Any) -> None:
        callback = self._on_feedback.get(bytes(message.goal_id.uuid))
        if callback:
            callback(message)

    def _status(self, message: Any) -> None:
        for status in message.status_list:
            key = bytes(status.goal_info.goal_id.uuid)
            if key in self._handles:
                self._handles[key].status = status.status
                if status.status > GoalStatus.STATUS_CANCELING:
                    del self._handles[key]
                    self._on_feedback.pop(key, None)
