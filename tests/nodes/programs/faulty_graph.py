"""The whole graph as it is launched, with hands in its wires, and what its arm and its user would notice."""

import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import yaml
from action_msgs.msg import GoalStatus
from geometry_msgs.msg import PoseStamped, TwistStamped
from graph_tools import Diagnosed, Spinning, folder, started, until
from harness import result
from model_tools import put
from qtopt_msgs.action import Grasp
from qtopt_msgs.msg import GraspCommand, SafetyStatus
from rclpy.action import ActionClient
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.qos import qos_profile_sensor_data
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image, JointState
from std_srvs.srv import SetBool, Trigger

from qtopt_agent.core.shared_files import shared
from qtopt_agent.graph.description import build
from qtopt_agent.safety.arm_profile import arm_profile, read_parameters

MARK = "QTOPT_TEST_MARK"  # in the environment of all that a launch starts, wherever it ends up
SPARING = {"rate": 50.0, "state_rate": 25.0, "camera_rate": 15.0}  # Hz: many graphs, a small machine
SLOW = {"limits": {"speed": 0.05, "acceleration": 1.0}}  # so that there is a motion to be in the middle of
TWIST = {"output": {"type": "twist", "topic": "/arm/target_twist"}}
ARM = arm_profile(read_parameters(shared("config/arms/mujoco.yaml"))).driver


class Observer:
    """Hears what the arm hears, and what the driver says; can arm, resume and ask for grasps as a person would."""

    def __init__(self, node):
        self.node, self.setpoints, self.measured, self.states, self.feedback = node, [], [], [], []
        self.commands, self.diagnosed = [], Diagnosed(node)
        for kind, topic, found in (
            (PoseStamped, "/arm/target_pose", self.setpoints),
            (TwistStamped, "/arm/target_twist", self.setpoints),
            (PoseStamped, "/arm/pose", self.measured),
            (SafetyStatus, "/qtopt/safety", self.states),
            (GraspCommand, "/qtopt/command", self.commands),
        ):
            qos = qos_profile_sensor_data if topic == "/arm/pose" else 100
            node.create_subscription(kind, topic, found.append, qos)
        group = ReentrantCallbackGroup()
        self.grasp = ActionClient(node, Grasp, "/qtopt/grasp", callback_group=group)
        self.services = {
            "arm": node.create_client(SetBool, "/arm_driver/arm", callback_group=group),
            "resume": node.create_client(Trigger, "/arm_driver/resume", callback_group=group),
        }

    def state(self):
        return self.states[-1].state if self.states else None

    def armed(self):
        return self.state() == SafetyStatus.ARMED

    def arm(self, wanted=True):
        return result(self.services["arm"].call_async(SetBool.Request(data=wanted)), 30.0)

    def resumed(self):
        """Resume after a fault, as soon as all inputs are well."""
        until(lambda: self.state() == SafetyStatus.HOLDING, "held")
        until(lambda: result(self.services["resume"].call_async(Trigger.Request()), 30.0).success, "resumed")
        until(self.armed, "armed")

    def send(self, **goal):
        """Ask for an attempt; it may be refused."""
        until(self.grasp.server_is_ready, "the agent")
        sent = self.grasp.send_goal_async(
            Grasp.Goal(**goal), feedback_callback=lambda message: self.feedback.append(message.feedback)
        )
        return result(sent, 30.0)

    def begun(self, **goal):
        """Ask for attempts until one is taken."""
        return until(lambda: (handle := self.send(**goal)).accepted and handle, "an attempt is taken")

    def grasped(self, **goal):
        """An attempt that goes as it should; a machine that is too busy for strict limits may try twice more."""
        for last in (False, False, True):
            ended = result(self.begun(max_steps=2, **goal).get_result_async(), 60.0)
            if last or ended.result.outcome != Grasp.Result.SAFETY_STOP:
                break
            self.resumed()
        assert ended.status == GoalStatus.STATUS_SUCCEEDED, ended.result
        return ended.result

    def mid_motion(self):
        """Let the agent grasp until the arm is in the middle of a motion; returns the attempt."""
        until(self.armed, "armed")
        end = time.monotonic() + 60.0
        while time.monotonic() < end:
            if self.state() == SafetyStatus.HOLDING:  # a machine that is too busy for strict limits
                self.resumed()
            handle = self.begun()
            ended = handle.get_result_async()
            while not ended.done():  # one that ends before the arm moves is followed by another
                if self.states[-1].moving and not self.at_rest():
                    handle.ended = ended
                    return handle
                time.sleep(0.002)
        raise AssertionError("the arm never moved")

    def at_rest(self, near=0.01):
        """Whether the arm was last told to stop: by a twist of zero, or by a pose at rest within `near` m of it."""
        if len(self.setpoints) < 2 or not self.measured:
            return False
        before, last = self.setpoints[-2:]
        if isinstance(last, TwistStamped):
            linear, angular = last.twist.linear, last.twist.angular
            return not any((linear.x, linear.y, linear.z, angular.x, angular.y, angular.z))
        speed = np.linalg.norm(place(last) - place(before)) / max(seconds(last) - seconds(before), 1e-6)
        return bool(speed < 0.005 and np.abs(place(last) - place(self.measured[-1])).max() < near)

    def told_to_stop(self, near=0.01):
        """Nothing comes after a stop, and no set point was ever outside the workspace box."""

        def stays():
            if not self.at_rest(near):
                return False
            time.sleep(0.3)  # whatever is still on its way: a hand that was braked eases to where it is
            return self.at_rest(near)

        with suppress(AssertionError):
            until(stays, "a stop", 20.0)
        assert self.at_rest(near), f"told {self.setpoints[-5:]}, the arm is at {self.measured[-1]}"
        low, high = np.array(ARM.step.workspace.low), np.array(ARM.step.workspace.high)
        told = np.array([place(each) for each in list(self.setpoints) if isinstance(each, PoseStamped)])
        assert not len(told) or ((told >= low - 1e-6) & (told <= high + 1e-6)).all(), told

    def hears_the_agent_stop(self):
        """The agent's last command is to stop; it comes on another wire than the result, maybe later."""
        until(lambda: self.commands and self.commands[-1].terminate, "the agent's last command is to stop")

    def held_for(self, reason):
        """The arm stops, and the driver says why and goes on saying it."""
        until(lambda: self.state() == SafetyStatus.HOLDING, "held")
        assert reason in self.states[-1].faults, self.states[-1]
        self.told_to_stop()


def place(message):
    """Position of a pose, m."""
    position = message.pose.position
    return np.array([position.x, position.y, position.z])


def seconds(message):
    """Time of its stamp, s."""
    return message.header.stamp.sec + message.header.stamp.nanosec * 1e-9


class Wire:
    """Passes on what the simulator sends on a topic, as `change` makes it; a message of which it makes None is lost."""

    def __init__(self, node, kind, topic):
        self.change = None
        self.out = node.create_publisher(kind, topic, qos_profile_sensor_data)
        node.create_subscription(kind, f"/true{topic}", self.on_message, qos_profile_sensor_data)

    def on_message(self, message):
        message = self.change(message) if self.change else message
        if message is not None:
            self.out.publish(message)


WIRES = {
    "/camera/image_raw": Image,
    "/gripper/joint_states": JointState,
    "/arm/pose": PoseStamped,
    "/clock": Clock,
}


@contextmanager
def observed():
    """An Observer that is no part of any graph, and a folder for one."""
    with folder() as root, Spinning("observer") as probe:
        yield Observer(probe.node), root


@contextmanager
def wired(settings=SLOW, **arguments):
    """An Observer, and the nodes of `qtopt launch grasp` as processes with a Wire from the simulator on each topic.

    The graph has its wires by topic in `wires`, descriptions of its nodes by name in `nodes`, its folder in `root`.
    """
    with observed() as (arm, root), _wired(arm.node, root, settings, arguments) as graph:
        yield arm, graph


@contextmanager
def _wired(node, root, settings, arguments):
    given = {"simulator": "mujoco", "arm_on_start": "true", **files(root, settings), **arguments}
    if "record" in given:
        given["record"] = str(root / given["record"])
    nodes = build("grasp", given)
    nodes = [
        replace(each, remaps={topic: f"/true{topic}" for topic in WIRES}) if each.name == "simulator" else each
        for each in nodes
    ]
    wires = {topic: Wire(node, kind, topic) for topic, kind in WIRES.items()}
    with started(nodes) as graph:
        graph.root, graph.wires, graph.nodes = root, wires, {each.name: each for each in nodes}
        yield graph


def files(root, settings):
    """Launch arguments that name a store with one model, and a file with `settings`."""
    store = root / "store"
    if not store.exists():
        put(store, "first")
    told = {"least_aperture": 0.0, **SPARING, **settings}  # nobody opens the jaw here between two attempts
    (root / "params.yaml").write_text(yaml.safe_dump({"/**": {"ros__parameters": told}}))
    return {"model": str(store), "params": str(root / "params.yaml")}


class Launch:
    """`qtopt launch grasp simulator:=mujoco`, or `ros2 launch` where ROS 2 is."""

    def __init__(self, root, settings=SLOW, graph="grasp", environment=None, **arguments):
        root.mkdir(exist_ok=True)
        given = {"simulator": "mujoco", "arm_on_start": "true", **files(root, settings), **arguments}
        words = [f"{name}:={value}" for name, value in given.items()]
        command = [sys.executable, "-m", "qtopt_agent.cli.main", "launch", graph, *words]
        if "AMENT_PREFIX_PATH" in os.environ:
            # Not by ros2's own first line: the launch file needs what this Python has.
            ros2 = shutil.which("ros2")
            command = [sys.executable, ros2, "launch", "qtopt_agent", f"{graph}.launch.py", *words]
        self.mark = uuid.uuid4().hex
        self.output = (root / "output.txt").open("w+")
        self.process = subprocess.Popen(
            command,
            cwd=root,
            env=os.environ | {MARK: self.mark} | (environment or {}),
            stdout=self.output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # A shell's background jobs ignore Ctrl-C, and would hand that down.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(60)
        finally:
            for pid in self.processes().values():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if error is not None:
                print(self.said(), file=sys.stderr)
            self.output.close()

    def said(self):
        return Path(self.output.name).read_text()

    def processes(self):
        """Every process that the launch has started, by its node's name or else its id, and that has not ended."""
        found = {}
        for entry in Path("/proc").iterdir():
            try:
                if not entry.name.isdigit() or f"{MARK}={self.mark}".encode() not in (entry / "environ").read_bytes():
                    continue
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:  # it has just ended, or is not ours
                continue
            name = next((word.decode()[8:] for word in words if word.startswith(b"__node:=")), entry.name)
            found[name] = int(entry.name)
        return found

    def kill(self, name):
        """As the kernel does when memory runs out."""
        os.kill(self.processes()[name], signal.SIGKILL)

    def gone(self):
        """Wait until no process is left."""
        until(lambda: self.process.poll() is not None, "the launch has ended")
        until(lambda: not self.processes(), "all processes have ended", 30.0)


__all__ = ["ARM", "SLOW", "TWIST", "Launch", "observed", "wired"]
