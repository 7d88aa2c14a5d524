"""Sends the jaw's commands to whatever a gripper's driver offers: one of two actions, or a topic."""

from typing import Any

from control_msgs.action import GripperCommand as GripperCommandAction
from control_msgs.action import ParallelGripperCommand
from control_msgs.msg import GripperCommand as GripperCommandMessage
from rclpy.action import ActionClient

from qtopt_agent.core.action import GripperCommand
from qtopt_agent.nodes.qos import RELIABLE
from qtopt_agent.runtime.arm_profile import GripperProfile


class GripperOutput:
    """`send` passes on a command when it changes."""

    def __init__(self, node: Any, profile: GripperProfile) -> None:
        self._profile = profile
        self._sent = GripperCommand.KEEP
        if profile.interface == "topic":
            self._out = node.create_publisher(GripperCommandMessage, profile.name, RELIABLE)
        else:
            action = GripperCommandAction if profile.interface == "gripper_command" else ParallelGripperCommand
            self._out = ActionClient(node, action, profile.name)

    def destroy(self, node: Any) -> None:
        """Close the topic or action."""
        if self._profile.interface == "topic":
            node.destroy_publisher(self._out)
        else:
            self._out.destroy()

    def forget(self) -> None:
        """The jaw may have been moved by someone else: send the next command even if it is the last one again."""
        self._sent = GripperCommand.KEEP

    def send(self, command: GripperCommand, effort: float) -> None:
        """Close or open with at most `effort` N; KEEP sends nothing."""
        if command in (GripperCommand.KEEP, self._sent):
            return
        self._sent = command
        p = self._profile
        position = p.closed_position if command == GripperCommand.CLOSE else p.open_position
        if p.interface == "topic":
            self._out.publish(GripperCommandMessage(position=position, max_effort=effort))
        elif p.interface == "gripper_command":
            goal = GripperCommandAction.Goal(command=GripperCommandMessage(position=position, max_effort=effort))
            self._out.send_goal_async(goal)
        else:
            goal = ParallelGripperCommand.Goal()
            goal.command.name, goal.command.position, goal.command.effort = [p.joint], [position], [effort]
            self._out.send_goal_async(goal)
