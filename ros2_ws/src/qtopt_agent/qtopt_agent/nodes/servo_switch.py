"""Tells MoveIt Servo that twists come: it takes nothing before, and forgets it when it is started anew."""

import time
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node

PERIOD = 0.5  # s between two looks
ANSWER_TIME = 2.0  # s in which Servo answers


class NoServo:
    """For arms that go by something else."""

    absent = ""

    def destroy(self) -> None:
        """Nothing is open."""


class ServoSwitch:
    """Calls `switch_command_type` of Servo's node `servo` whenever that has come."""

    def __init__(self, node: Node, servo: str) -> None:
        self._node, self._service = node, f"{servo}/switch_command_type"
        self._switched, self._asked, self._client = False, float("-inf"), None
        self.absent = f"MoveIt Servo's service {node.resolve_service_name(self._service)} is not there"
        """What to say as long as Servo takes no twists; empty where it does."""
        try:
            from moveit_msgs.srv import ServoCommandType  # only with MoveIt
        except ImportError:
            self.absent = "moveit_msgs is not installed, without which nobody tells MoveIt Servo to take twists"
            return
        self._request = ServoCommandType.Request(command_type=ServoCommandType.Request.TWIST)
        self._client = node.create_client(ServoCommandType, self._service)
        self._timer = node.create_timer(PERIOD, self._look, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def destroy(self) -> None:
        """Close the service's client."""
        if self._client is not None:
            self._node.destroy_timer(self._timer)
            self._node.destroy_client(self._client)

    def _look(self) -> None:
        assert self._client is not None
        there, now = self._client.service_is_ready(), time.monotonic()
        if not there:
            self._switched = False
            self.absent = f"MoveIt Servo's service {self._node.resolve_service_name(self._service)} is not there"
        elif not self._switched and now - self._asked > ANSWER_TIME:
            self._asked = now
            self._client.call_async(self._request).add_done_callback(self._answered)

    def _answered(self, future: Any) -> None:
        answer = future.result()
        self._switched = answer is not None and answer.success
        self.absent = "" if self._switched else "MoveIt Servo refuses to take twists"
