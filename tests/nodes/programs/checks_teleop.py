"""A person's hand by a scripted joystick: jogging, taking over in an attempt, falling silent, labels."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import yaml
from arm_tools import Arm, driver
from checks_agent import DRIVER, GENEROUS, Client
from graph_tools import Spinning, folder, running, started, until
from harness import result
from qtopt_msgs.action import Grasp
from qtopt_msgs.msg import PersonCommand, SafetyStatus
from sensor_msgs.msg import Joy

from qtopt_agent.episodes.reader import find_episodes, read_episode
from qtopt_agent.episodes.verify import verify
from qtopt_agent.standalone.processes import NodeDescription

HOLD, CLOSE, OPEN, END, SUCCESS, FAILURE = range(6)
TELEOP = {
    "device": "joy",
    "axes": [0, 1, 2, 3],
    "scales": [0.02, 0.02, 0.02, 0.2],
    "buttons": list(range(6)),
    "author": "the check",
    "base_frame": "world",
    "pose_topic": "arm/pose",
}
BLIND = {"policy": "random-script", "cell": "embedded", "base_frame": "world", "pose_topic": "arm/pose"}
PATIENT = {"person_age": 3.0}  # a busy machine is no dead hand


class Joystick:
    """Says 30 times a second what is set: `axes`, and `buttons` that are pressed. silent: nothing."""

    def __init__(self, node):
        self.axes, self.buttons, self.silent, self.on = [0.0] * 4, (), False, True
        self.out = node.create_publisher(Joy, "joy", 10)
        self.thread = threading.Thread(target=self.loop, daemon=True)

    def loop(self):
        while self.on:
            if not self.silent:
                self.out.publish(Joy(axes=self.axes, buttons=[int(i in self.buttons) for i in range(6)]))
            time.sleep(0.03)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.on = False
        self.thread.join()

    def set(self, *buttons, x=0.0, y=0.0, z=0.0):
        self.axes, self.buttons = [x, y, z, 0.0], buttons


@contextmanager
def teleoperated(**agent):
    with folder() as root, Spinning("probe") as probe:
        client = Client(probe.node)
        client.people = []
        probe.node.create_subscription(PersonCommand, "qtopt/person", client.people.append, 100)
        logger = ("episode_logger", {"folder": str(root), "disk": {"stop": 0.0, "go_on": 0.001}})
        settings = {"autostart": True} | BLIND | GENEROUS | PATIENT | agent
        with (
            running(driver(**DRIVER), ("agent", settings), ("teleop", TELEOP), logger) as graph,
            Arm(probe.node) as arm,
            Joystick(probe.node) as stick,
        ):
            arm.size = (64, 64)
            client.graph, client.arm, client.root, client.stick = graph, arm, root, stick
            arm.armed()
            until(lambda: stick.out.get_subscription_count() and client.action.server_is_ready(), "all is there")
            yield client


def writers(client):
    return {command.writer.partition("-")[0] == "teleop" for command in client.commands}


def check_a_stick_jogs_the_arm_and_letting_go_or_falling_silent_stops_it():
    with teleoperated() as client:
        stick, arm = client.stick, client.arm
        stick.set(x=1.0)
        time.sleep(0.5)
        assert not client.commands, "nobody holds it"
        for end in ("let go", "silent"):
            before = arm.position[0]
            stick.set(HOLD, x=1.0 if end == "let go" else -1.0)
            until(lambda before=before: abs(arm.position[0] - before) > 0.02, "the arm moves")
            if end == "let go":
                stick.set()
            else:
                stick.silent = True
            client.last_is_a_stop()
            until(lambda: not arm.twists[-1].any(), "the arm stands")
            where = arm.position.copy()
            time.sleep(0.7)
            assert abs(arm.position - where).max() < 0.005
            assert arm.status().state == SafetyStatus.ARMED and writers(client) == {True}
        assert "the tips are at" in client.graph.said() and "m in world" in client.graph.said()


def check_a_person_takes_over_in_an_attempt_and_hands_back():
    with teleoperated() as client:
        stick = client.stick
        handle = client.accepted(seed=1)
        until(lambda: len(client.steps) >= 2, "steps of the script")
        stick.set(HOLD, y=1.0)
        until(lambda: sum(step.by_person for step in client.steps) >= 2, "steps by a person")
        stick.set()
        until(lambda: not client.steps[-1].by_person, "a step of the script")
        ended = result(handle.get_result_async(), 60.0).result
        assert ended.outcome in (Grasp.Result.STEP_LIMIT, Grasp.Result.TERMINATED), ended
        assert writers(client) == {False}, "the agent alone speaks to the driver"
        until(lambda: list(find_episodes(client.root)), "the episode is recorded")
        (found,) = find_episodes(client.root)
        episode = read_episode(found)
        assert verify(found) == [] and episode.policy == "random-script" and episode.model_version == ""
        assert [step.by_person for step in episode.steps] == [step.by_person for step in client.steps]
        for step in episode.steps:
            if step.by_person:
                assert abs(step.commanded[1] - 0.02) < 1e-6 and not step.commanded[0], step.commanded
        stick.set(SUCCESS)
        until(lambda: (found / "label.json").is_file(), "the label")
        assert read_episode(found).success and '"the check"' in (found / "label.json").read_text()


def check_a_hand_that_falls_silent_in_an_attempt_ends_it_with_a_stop():
    with teleoperated(person_age=1.0) as client:
        handle = client.accepted(seed=2)
        until(lambda: client.events, "the attempt has begun")
        client.stick.set(HOLD, z=-0.5)
        until(lambda: any(step.by_person for step in client.steps), "a step by a person")
        client.stick.silent = True
        ended = result(handle.get_result_async(), 30.0).result
        assert ended.outcome == Grasp.Result.CANCELLED and "hand was not heard" in ended.message, ended
        client.last_is_a_stop()
        until(lambda: not client.arm.twists[-1].any(), "the arm stands")
        assert client.people[-1].holds, "a dead device hands nothing back"


def check_an_attempt_begins_when_a_person_has_let_go():
    with teleoperated() as client:
        client.stick.set(HOLD, x=0.2)
        until(lambda: client.commands, "the arm is jogged")
        handle = client.accepted(max_steps=2)
        time.sleep(1.0)
        assert not client.steps and writers(client) == {True}
        client.stick.set()
        ended = result(handle.get_result_async(), 60.0).result
        assert ended.outcome == Grasp.Result.STEP_LIMIT, ended
        assert client.arm.status().state == SafetyStatus.ARMED


def check_a_signal_to_the_command_alone_ends_it_with_a_stop():
    said = {name: TELEOP[name] for name in ("axes", "scales", "buttons")}
    with folder() as root, Spinning("probe") as probe:
        (root / "stick.yaml").write_text(yaml.safe_dump({"/teleop": {"ros__parameters": said}}))
        teleop = ["teleop", "--device", "joy", "--arm", "mujoco", "--params"]
        command = [sys.executable, "-m", "qtopt_agent.cli.main", *teleop, str(root / "stick.yaml")]
        client = Client(probe.node)
        with running(driver(**DRIVER)), Arm(probe.node) as arm, Joystick(probe.node) as stick:
            arm.armed()
            for number in (signal.SIGINT, signal.SIGTERM):
                client.commands.clear()
                until(lambda: stick.out.get_subscription_count() == 0, "nobody hears the stick")
                with subprocess.Popen(command, start_new_session=True) as process:
                    try:
                        until(stick.out.get_subscription_count, "the stick is heard")
                        stick.set(HOLD, x=1.0 if number == signal.SIGINT else -1.0)
                        until(lambda: arm.twists and arm.twists[-1].any(), "the arm moves")
                        os.kill(process.pid, number)
                        assert process.wait(20.0) == 0
                    finally:
                        if process.poll() is None:
                            os.killpg(process.pid, signal.SIGKILL)
                client.last_is_a_stop()
                until(lambda: not arm.twists[-1].any(), "the arm stands")
                stick.set()
            assert arm.status().state == SafetyStatus.ARMED


def check_keys_without_a_terminal_are_refused():
    with started([NodeDescription("teleop", "qtopt_agent.nodes.teleop", {"device": "keyboard"})]) as graph:
        assert graph.wait() == 2
