"""Sends the jaw's commands to whatever a gripper's driver offers: one of two actions, or a topic."""

import time
from functools import partial
from typing import Any

from action_msgs.msg import GoalStatus
from control_msgs.action import GripperCommand as GripperCommandAction
from control_msgs.action import ParallelGripperCommand
from control_msgs.msg import GripperCommand as GripperCommandMessage
from rclpy.action import ActionClient
from rclpy.node import Node

from qtopt_agent.core.action import GripperCommand
from qtopt_agent.nodes.qos import RELIABLE
from qtopt_agent.safety.arm_profile import GripperProfile
from qtopt_agent.safety.gripper_goals import GripperGoals


def gripper_output(node: Node, profile: GripperProfile) -> "TopicGripper | ActionGripper":
    """What the profile's gripper is commanded through."""
    return TopicGripper(node, profile) if profile.interface == "topic" else ActionGripper(node, profile)


class TopicGripper:
    """A topic, which nobody answers."""

    trouble = absent = ""

    def __init__(self, node: Node, profile: GripperProfile) -> None:
        self._node, self._profile, self._sent = node, profile, GripperCommand.KEEP
        self._out = node.create_publisher(GripperCommandMessage, profile.name, RELIABLE)

    def destroy(self) -> None:
        """Close the topic."""
        self._node.destroy_publisher(self._out)

    def forget(self) -> None:
        """The jaw may have been moved by someone else: send the next command even if it is the last one again."""
        self._sent = GripperCommand.KEEP

    def send(self, command: GripperCommand, effort: float) -> None:
        """Close or open with at most `effort` N, where that is new; KEEP sends nothing."""
        if command not in (GripperCommand.KEEP, self._sent):
            self._sent = command
            self._out.publish(_message(self._profile, command, effort))


class ActionGripper:
    """An action. What decides when to ask, and ask again, is in safety/gripper_goals.py."""

    def __init__(self, node: Node, profile: GripperProfile) -> None:
        self._node, self._profile = node, profile
        self._parallel = profile.interface == "parallel_gripper_command"
        action = ParallelGripperCommand if self._parallel else GripperCommandAction
        self._client = ActionClient(node, action, profile.name)
        self._goals = GripperGoals(node.resolve_service_name(profile.name))
        self._told = ""

    @property
    def trouble(self) -> str:
        """What is wrong with the last command; empty where nothing is."""
        return self._goals.trouble

    @property
    def absent(self) -> str:
        """What to say where there is no server; empty where there is one."""
        return self._goals.absent(self._client.server_is_ready())

    def destroy(self) -> None:
        """Close the action."""
        self._goals.forget()
        self._client.destroy()

    def forget(self) -> None:
        """The jaw may have been moved by someone else: send the next command even if it is the last one again."""
        self._goals.forget()

    def send(self, command: GripperCommand, effort: float) -> None:
        """Close or open with at most `effort` N; KEEP sends nothing. To be called again while the command holds."""
        number = self._goals.want(command, self._client.server_is_ready, time.monotonic())
        if number is not None:
            sent = self._client.send_goal_async(self._goal(command, effort))
            sent.add_done_callback(partial(self._answered, number))
        self._tell()

    def _goal(self, command: GripperCommand, effort: float) -> Any:
        message = _message(self._profile, command, effort)
        if not self._parallel:
            return GripperCommandAction.Goal(command=message)
        goal = ParallelGripperCommand.Goal()
        goal.command.name = [self._profile.joint]
        goal.command.position, goal.command.effort = [message.position], [message.max_effort]
        return goal

    def _answered(self, number: int, sent: Any) -> None:
        handle = sent.result()
        self._goals.answered(number, handle.accepted, time.monotonic())
        if handle.accepted:
            handle.get_result_async().add_done_callback(partial(self._ended, number))
        self._tell()

    def _ended(self, number: int, future: Any) -> None:
        answer = future.result()
        succeeded, result = answer.status == GoalStatus.STATUS_SUCCEEDED, answer.result
        self._goals.ended(number, succeeded, result.stalled, result.reached_goal, time.monotonic())
        self._tell()

    def _tell(self) -> None:
        """Log what has changed, and no more."""
        if self._goals.trouble == self._told:
            return
        self._told = self._goals.trouble
        if self._told:
            self._node.get_logger().error(f"{self._told}; it is asked again")
        else:
            self._node.get_logger().info("the gripper does as it is told")


def _message(profile: GripperProfile, command: GripperCommand, effort: float) -> Any:
    position = profile.closed_position if command == GripperCommand.CLOSE else profile.open_position
    return GripperCommandMessage(position=position, max_effort=effort)
