"""How soon an arm driver stops, in mid-motion, once one of its inputs falls silent."""

import threading
import time
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped, Vector3
from qtopt_msgs.msg import GraspCommand, SafetyStatus
from sensor_msgs.msg import Image, JointState
from std_srvs.srv import SetBool, Trigger

from qtopt_agent.core.errors import QtoptError
from qtopt_agent.graph import topics
from qtopt_agent.nodes.conversions import seconds
from qtopt_agent.nodes.qos import RELIABLE, SENSOR, SETPOINT
from qtopt_agent.safety.commands import DriverState
from qtopt_agent.speed.bench_node import START, BenchNode, quantiles

INPUTS = ("camera", "gripper", "pose", "command")
STATE_PERIOD = 0.01  # s


def stop(node: BenchNode) -> dict[str, Any]:
    """Stamp of the last valid message of one input to the driver's stop, in mid-motion: when sent, when heard."""
    arm = _Arm(node)
    lock = node.create_client(SetBool, topics.ARM, callback_group=node.group)
    resume = node.create_client(Trigger, topics.RESUME, callback_group=node.group)
    node.wait(lambda: lock.service_is_ready() and resume.service_is_ready(), "the arm driver is there")
    sent: dict[str, list[float]] = {name: [] for name in INPUTS}
    heard: dict[str, list[float]] = {name: [] for name in INPUTS}
    rng, others = np.random.default_rng(0), 0
    _release(node, arm, lock, SetBool.Request(data=True))
    try:
        while min(map(len, sent.values())) < node.p["count"]:
            arm.begin_motion()
            node.wait(lambda: arm.moving or arm.stopped, "the arm moves")
            time.sleep(rng.uniform(0.1, 0.2))  # at any time between two set points
            name = min(INPUTS, key=lambda each: len(sent[each]))
            last = arm.cut(name)
            node.wait(lambda: arm.stopped or not arm.moving, f"a stop without {name}")
            if arm.stopped and arm.faults == [getattr(SafetyStatus, f"{name.upper()}_STALE")]:
                sent[name].append(arm.stop_sent - last)
                heard[name].append(arm.stop_heard - last)
            else:  # a busy machine was late with another input too, or the motion has ended
                others += 1
                if others > 4 * node.p["count"]:
                    raise QtoptError(f"the driver stops for other reasons, last for {arm.faults}")
            arm.restore()
            _release(node, arm, resume, Trigger.Request())
    finally:
        arm.close()
    both = {"sent_ms": sent, "heard_ms": heard}
    return {"other_stops": others} | {
        key: {name: quantiles(each) for name, each in found.items()} for key, found in both.items()
    }


def _release(node: BenchNode, arm: "_Arm", client: Any, request: Any) -> None:
    """Arm or resume; refused until the arm is at rest and all inputs are there."""
    end = time.monotonic() + START
    while arm.stopped:
        answer = client.call_async(request)
        node.wait(answer.done, "the arm driver answers")
        if time.monotonic() > end:
            raise QtoptError(f"the arm driver does not arm: {answer.result().message}")
        time.sleep(0.05)


class _Arm:
    """An arm that is wherever it is told to be, with camera, jaw and an agent that moves it to and fro."""

    def __init__(self, node: BenchNode) -> None:
        self._node, self._on = node, True
        self.stopped, self.moving = True, False
        self.faults: list[int] = []
        self.stop_sent = self.stop_heard = 0.0
        self._cut, self._sequence = "", 0
        self._command: Any = None
        self._last = dict.fromkeys(INPUTS, 0.0)
        self._pose = PoseStamped()
        self._pose.pose.position.z = 0.15
        self._poses = node.create_publisher(PoseStamped, topics.POSE, SENSOR)
        self._joints = node.create_publisher(JointState, topics.JOINT_STATES, SENSOR)
        self._images = node.create_publisher(Image, topics.IMAGE, SENSOR)
        self._commands = node.create_publisher(GraspCommand, topics.COMMAND, RELIABLE)
        node.create_subscription(PoseStamped, topics.TARGET_POSE, self._follow, SETPOINT, callback_group=node.group)
        node.create_subscription(SafetyStatus, topics.SAFETY, self._hear, RELIABLE, callback_group=node.group)
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()

    def begin_motion(self) -> None:
        """Ask for a motion of some seconds."""
        self._sequence += 1
        way = 0.1 if self._pose.pose.position.x < 0 else -0.1
        command = GraspCommand(writer="bench", sequence=self._sequence, translation=Vector3(x=way), q=0.5)
        command.header.stamp = self._node.get_clock().now().to_msg()
        self._command = command

    def cut(self, name: str) -> float:
        """Silence one input; returns the stamp of its last message, s."""
        self._cut = name
        time.sleep(2 * STATE_PERIOD)
        return self._last[name]

    def restore(self) -> None:
        """Let all inputs speak again, and command nothing."""
        self._command, self._cut = None, ""

    def close(self) -> None:
        """Fall silent."""
        self._on = False
        self._thread.join()

    def _follow(self, target: Any) -> None:
        self._pose.pose = target.pose

    def _hear(self, status: Any) -> None:
        stopped = status.state != DriverState.ARMED
        if stopped and not self.stopped:
            self.stop_sent, self.stop_heard = seconds(status.header.stamp), self._node.now()
            self.faults = list(status.faults)
        self.stopped, self.moving = stopped, status.moving

    def _loop(self) -> None:
        turn = 0
        while self._on:
            turn += 1
            stamp = self._node.get_clock().now().to_msg()
            joints = JointState(name=["left"], position=[0.0425])
            image = Image(height=4, width=4, encoding="rgb8", step=12)
            for name, publisher, message, every in (
                ("pose", self._poses, self._pose, 1),
                ("gripper", self._joints, joints, 1),
                ("camera", self._images, image, 3),
            ):
                if self._cut != name and turn % every == 0:
                    message.header.stamp = stamp
                    publisher.publish(message)
                    self._last[name] = seconds(stamp)
            command = self._command
            if command is not None and self._cut != "command" and turn % 5 == 0:
                self._commands.publish(command)
                self._last["command"] = seconds(stamp)
            time.sleep(STATE_PERIOD)
