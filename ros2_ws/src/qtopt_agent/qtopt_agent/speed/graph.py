"""The other side of what `qtopt bench graph` measures: camera, arm and client of the node under test.

Started by the command, with the parameter `part`; prints its measurements as one JSON line.
"""

import contextlib
import json
import math
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from geometry_msgs.msg import PoseStamped, Vector3
from qtopt_msgs.action import Grasp
from qtopt_msgs.msg import EpisodeEvent, GraspCommand, GraspStep, GripperState, SafetyStatus
from rclpy.action import ActionClient
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import Image, JointState
from std_srvs.srv import SetBool, Trigger

from qtopt_agent.core.errors import InvalidInput, QtoptError
from qtopt_agent.core.observation import Observation
from qtopt_agent.core.parameter import Parameter
from qtopt_agent.core.profile import get_profile
from qtopt_agent.graph import topics
from qtopt_agent.graph.parameters import declare
from qtopt_agent.models import store as model_store
from qtopt_agent.nodes.conversions import image_message, seconds
from qtopt_agent.nodes.pictures import raw_image
from qtopt_agent.nodes.qos import RELIABLE, SENSOR, SETPOINT
from qtopt_agent.perception.ingest import ingest_image, ingest_spec
from qtopt_agent.safety.commands import DriverState

HEIGHT, WIDTH, RATE = 480, 640, 30.0
STEPS = 20  # of an episode
INPUTS = ("camera", "gripper", "pose", "command")
START = 60.0  # s for the node under test to come up
STATE_PERIOD = 0.01  # s

PARAMETERS = (
    Parameter("part", "", "decide, log or stop."),
    Parameter("model", "", "decide: folder of the model."),
    Parameter("count", 100, "Decisions, or faults of each input.", 1, 100_000),
    Parameter("seconds", 60.0, "log: how long.", 1.0, 3600.0),
    Parameter("pid", 0, "log: process whose processor time is measured.", 0, 2**31),
)


class GraphBench(Node):
    """Runs the part that it is told in a thread while the executor spins."""

    def __init__(self) -> None:
        super().__init__("graph_bench")
        self.p = declare(self, PARAMETERS)
        self._pictures = np.random.default_rng(0).integers(0, 256, (4, HEIGHT, WIDTH, 3), np.uint8)
        self._images = self.create_publisher(Image, topics.IMAGE, SENSOR)
        self._group = ReentrantCallbackGroup()

    def measure(self) -> dict[str, Any]:
        """The measurements of the part. Raises QtoptError where the node under test does not answer."""
        parts = {"decide": self._decide, "log": self._log, "stop": self._stop}
        if self.p["part"] not in parts:
            raise InvalidInput(f"part is {self.p['part']!r}, expected one of {', '.join(parts)}")
        return parts[self.p["part"]]()

    def now(self) -> float:
        """ROS time, s."""
        return float(self.get_clock().now().nanoseconds / 1e9)

    def _image(self, number: int) -> Any:
        return image_message(self._pictures[number % len(self._pictures)], self.now(), "camera_optical_frame")

    def _wait(self, condition: Any, what: str, limit: float = START) -> None:
        end = time.monotonic() + limit
        while not condition():
            if time.monotonic() > end:
                raise QtoptError(f"{what}: not within {limit:.0f} s")
            time.sleep(0.0005)

    def _decide(self) -> dict[str, Any]:
        """Stamp of an image to the command made from it, published and heard, and the same decision in this process."""
        alone = self._decide_alone()
        published: list[float] = []
        heard: list[float] = []
        status = SafetyStatus(state=SafetyStatus.ARMED)
        statuses = self.create_publisher(SafetyStatus, topics.SAFETY, RELIABLE)
        jaws = self.create_publisher(GripperState, topics.GRIPPER_STATE, RELIABLE)
        poses = self.create_publisher(PoseStamped, topics.POSE, SENSOR)

        def on_command(command: Any) -> None:
            if command.sequence > status.asked.sequence or command.writer != status.asked.writer:
                if np.isfinite(command.q):  # a stop is not decided from an image
                    image = seconds(command.header.stamp)
                    published.append(seconds(command.inference_stamp) - image)
                    heard.append(self.now() - image)
                status.asked = status.allowed = command
            statuses.publish(status)

        self.create_subscription(GraspCommand, topics.COMMAND, on_command, RELIABLE, callback_group=self._group)
        client = ActionClient(self, Grasp, topics.GRASP, callback_group=self._group)
        running = True

        def loop() -> None:
            number = 0
            while running:
                number += 1
                began = time.monotonic()
                image = self._image(number)
                jaw, pose = GripperState(header=image.header, aperture=0.08), PoseStamped(header=image.header)
                pose.pose.position.z = 0.2
                jaws.publish(jaw)
                poses.publish(pose)
                self._images.publish(image)
                statuses.publish(status)
                time.sleep(max(0.0, 1 / RATE - (time.monotonic() - began)))

        camera = threading.Thread(target=loop, daemon=True)
        camera.start()
        try:
            self._wait(client.server_is_ready, "the agent is there")
            while len(published) < self.p["count"]:
                sent = client.send_goal_async(Grasp.Goal(seed=len(published)))
                self._wait(sent.done, "the agent takes a goal")
                if not sent.result().accepted:
                    time.sleep(0.2)
                    continue
                result = sent.result().get_result_async()
                self._wait(result.done, "the attempt ends", 120.0)
        finally:
            running = False
            camera.join()
        return {
            "graph_ms": _quantiles(published),
            "heard_ms": _quantiles(heard),
            "one_process_ms": alone,
            "decisions": len(published),
        }

    def _decide_alone(self) -> dict[str, float]:
        """Image message to action, without any middleware."""
        import torch

        torch.set_num_threads(1)
        folder = Path(self.p["model"])
        policy, profile = model_store.load(folder), get_profile(model_store.describe(folder)["profile"])
        spec, rng = ingest_spec(profile), np.random.default_rng(0)
        state = np.zeros(profile.observation.state_size, np.float32)
        taken = []
        for number in range(self.p["count"]):
            message = self._image(number)
            began = time.perf_counter()
            seen = ingest_image(raw_image(message), spec)
            policy.decide(Observation(seen, state, 0.0), rng)
            taken.append(time.perf_counter() - began)
            time.sleep(max(0.0, 1 / RATE - taken[-1]))
        return _quantiles(taken)

    def _log(self) -> dict[str, Any]:
        """Attempts of 20 steps, one step an image; processor time of the logger."""
        steps = self.create_publisher(GraspStep, topics.STEP, RELIABLE)
        events = self.create_publisher(EpisodeEvent, topics.EVENT, RELIABLE)
        publishers = (self._images, steps, events)
        self._wait(lambda: all(each.get_subscription_count() for each in publishers), "the logger listens")
        action = [0.0] * 8
        frames, late = math.ceil(self.p["seconds"] * RATE / (STEPS + 1)) * (STEPS + 1), 0.0
        used, began = _processor_time(self.p["pid"]), time.monotonic()
        for frame in range(frames):
            wait = began + frame / RATE - time.monotonic()
            late = max(late, -wait)
            time.sleep(max(0.0, wait))
            attempt, index = divmod(frame, STEPS + 1)
            image = self._image(frame)
            event = EpisodeEvent(header=image.header, episode_id=f"bench-{attempt:05d}", profile="compact")
            if index == 0:
                events.publish(event)
            self._images.publish(image)
            if index < STEPS:
                step = GraspStep(header=image.header, index=index, state=[0.0] * 4, commanded=action, executed=action)
                step.terminal = index == STEPS - 1
                steps.publish(step)
            else:
                event.kind, event.steps, event.final_state = EpisodeEvent.END, STEPS, [0.0] * 4
                events.publish(event)
        seconds = time.monotonic() - began
        used = _processor_time(self.p["pid"]) - used
        return {"images": frames, "seconds": seconds, "logger_cpu": used / seconds, "latest_image_ms": 1000 * late}

    def _stop(self) -> dict[str, Any]:
        """Stamp of the last valid message of one input to the driver's stop, in mid-motion: when sent, when heard."""
        arm = _Arm(self, self._group)
        lock = self.create_client(SetBool, topics.ARM, callback_group=self._group)
        resume = self.create_client(Trigger, topics.RESUME, callback_group=self._group)
        self._wait(lambda: lock.service_is_ready() and resume.service_is_ready(), "the arm driver is there")
        sent: dict[str, list[float]] = {name: [] for name in INPUTS}
        heard: dict[str, list[float]] = {name: [] for name in INPUTS}
        rng, others = np.random.default_rng(0), 0
        self._release(arm, lock, SetBool.Request(data=True))
        try:
            while min(map(len, sent.values())) < self.p["count"]:
                arm.begin_motion()
                self._wait(lambda: arm.moving or arm.stopped, "the arm moves")
                time.sleep(rng.uniform(0.1, 0.2))  # at any time between two set points
                name = min(INPUTS, key=lambda each: len(sent[each]))
                last = arm.cut(name)
                self._wait(lambda: arm.stopped or not arm.moving, f"a stop without {name}")
                if arm.stopped and arm.faults == [getattr(SafetyStatus, f"{name.upper()}_STALE")]:
                    sent[name].append(arm.stop_sent - last)
                    heard[name].append(arm.stop_heard - last)
                else:  # a busy machine was late with another input too, or the motion has ended
                    others += 1
                    if others > 4 * self.p["count"]:
                        raise QtoptError(f"the driver stops for other reasons, last for {arm.faults}")
                arm.restore()
                self._release(arm, resume, Trigger.Request())
        finally:
            arm.close()
        both = {"sent_ms": sent, "heard_ms": heard}
        return {"other_stops": others} | {
            key: {name: _quantiles(each) for name, each in found.items()} for key, found in both.items()
        }

    def _release(self, arm: "_Arm", client: Any, request: Any) -> None:
        """Arm or resume; refused until the arm is at rest and all inputs are there."""
        end = time.monotonic() + START
        while arm.stopped:
            answer = client.call_async(request)
            self._wait(answer.done, "the arm driver answers")
            if time.monotonic() > end:
                raise QtoptError(f"the arm driver does not arm: {answer.result().message}")
            time.sleep(0.05)


class _Arm:
    """An arm that is wherever it is told to be, with camera, jaw and an agent that moves it to and fro."""

    def __init__(self, node: GraphBench, group: Any) -> None:
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
        node.create_subscription(PoseStamped, topics.TARGET_POSE, self._follow, SETPOINT, callback_group=group)
        node.create_subscription(SafetyStatus, topics.SAFETY, self._hear, RELIABLE, callback_group=group)
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


def _processor_time(pid: int) -> float:
    """User and system time of a process so far, s."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _quantiles(seconds: list[float]) -> dict[str, float]:
    p50, p99, worst = np.percentile(1000 * np.array(seconds), (50, 99, 100))
    return {"p50": float(p50), "p99": float(p99), "worst": float(worst)}


def main() -> int:
    """Measure, print and end."""
    rclpy.init()
    node, executor = GraphBench(), MultiThreadedExecutor(4)
    executor.add_node(node)

    def spin() -> None:
        with contextlib.suppress(ExternalShutdownException):
            executor.spin()

    spinning = threading.Thread(target=spin, daemon=True)
    spinning.start()
    try:
        print(json.dumps(node.measure()), flush=True)
        return 0
    except QtoptError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    finally:
        executor.shutdown()
        rclpy.try_shutdown()
        spinning.join(timeout=5.0)


if __name__ == "__main__":
    sys.exit(main())
