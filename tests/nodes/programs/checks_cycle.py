"""A rehearsal of the cycle, as it is launched: it goes round, labels, waits and holds."""

import os
import shutil

import numpy as np
from faulty_graph import Launch, observed, wired
from graph_tools import until
from harness import result
from qtopt_msgs.msg import CycleStatus, SafetyStatus
from qtopt_msgs.srv import LookAtBin
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger

from qtopt_agent.episodes.label import read_label
from qtopt_agent.episodes.reader import find_episodes, find_partial, read_episode
from qtopt_agent.episodes.verify import verify

BEGINS_OPEN = {"least_aperture": 0.8}
REHEARSAL = {"rehearse": "true", "cell": "embedded", "grasps": "1000"}
LONG = 240.0  # s for a round on a busy machine
BLIND = REHEARSAL | {"policy": "random-script"}  # it closes the jaw, whatever the pictures show
PATIENT = BEGINS_OPEN | {
    "ages": {name: 10.0 for name in ("camera", "gripper", "pose", "command", "driver")},
    **{"image_age": 10.0, "mismatch": 1.0, "input_timeout": 20.0, "age": 10.0},
}


class Cycle:
    """What the cycle says, and a person before it."""

    def __init__(self, node):
        self.said = []
        latched = QoSProfile(depth=50, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        node.create_subscription(CycleStatus, "/qtopt/cycle", self.said.append, latched)
        group = ReentrantCallbackGroup()
        self.services = {
            name: node.create_client(Trigger, f"/cycle/{name}", callback_group=group) for name in ("pause", "resume")
        }
        self.look = node.create_client(LookAtBin, "/success_detector/look", callback_group=group)

    def state(self):
        return self.said[-1].state if self.said else None

    def text(self):
        return self.said[-1].text if self.said else ""

    def attempts(self):
        return self.said[-1].attempts if self.said else 0

    def gets(self, condition, what):
        """Until `condition()`; a machine that is too busy for the driver's limits is told to go on."""

        def reached():
            holds = self.state() == CycleStatus.HOLDING
            done = condition()
            if holds and not done:
                self.told("resume")
            return done

        until(reached, what, LONG)

    def says(self, text):
        self.gets(lambda: text in self.text(), text)

    def is_in(self, state):
        self.gets(lambda: self.state() == state, f"state {state}")

    def goes_on(self):
        """Until one more attempt has come to its end."""
        before = self.attempts()
        self.gets(lambda: self.attempts() > before, "another attempt")

    def told(self, what):
        return result(self.services[what].call_async(Trigger.Request()), 30.0)


def check_it_goes_round_from_open_jaw_to_label_and_ends():
    with observed() as (arm, root):
        given = REHEARSAL | {
            "grasps": 2,
            "record": root / "episodes",
            "truth": root / "truth",
            "result": root / "r.json",
        }
        with Launch(root, BEGINS_OPEN, **given) as launch:
            until(lambda: launch.process.poll() is not None, "it ends", 2 * LONG)
            assert launch.process.returncode == 0, launch.said()
        arm.told_to_stop()
        folders = list(find_episodes(root / "episodes"))
        assert len(folders) >= 2 and not any(map(verify, folders)) and not any(find_partial(root / "episodes"))
        assert '"episodes": 2' in (root / "r.json").read_text()
        assert (root / "truth").read_text().count("\n") > 20
        for each in folders:
            episode = read_episode(each)
            assert episode.steps[0].observation.state[0] > 0.08  # the jaw is open
            label = read_label(each)
            closed = episode.final.state[2]
            assert (label is None or "of the bin has changed; jaw" in label.author) and (label or not closed), label


def check_a_person_pauses_it_and_nothing_moves_until_told():
    with observed() as (arm, root), Launch(root, BEGINS_OPEN, **REHEARSAL):
        cycle = Cycle(arm.node)
        for state in (CycleStatus.STARTING, CycleStatus.GRASPING):
            cycle.is_in(state)
            until(lambda: arm.states[-1].moving, "it moves", LONG)
            assert cycle.told("pause").success
            cycle.is_in(CycleStatus.PAUSED)
            until(lambda: arm.states[-1].asked.terminate and not arm.states[-1].moving, "the arm stands")
            arm.told_to_stop()
            assert not cycle.told("resume").message.startswith("it is")
        cycle.goes_on()
        assert arm.armed() and all(each.state != SafetyStatus.HOLDING for each in arm.states)


def check_an_agent_a_detector_a_logger_and_a_trainer_are_killed_and_it_goes_on():
    with observed() as (arm, root):
        given = REHEARSAL | {"record": root / "episodes", "train": "true", "candidates": root / "candidates"}
        with Launch(root, BEGINS_OPEN, **given) as launch:
            cycle = Cycle(arm.node)
            for name in ("agent", "success_detector", "episode_logger", "trainer"):
                cycle.is_in(CycleStatus.GRASPING)
                until(lambda: arm.states[-1].moving, "it moves", LONG)
                launch.kill(name)
                cycle.goes_on()
            assert launch.process.poll() is None
        assert not any(map(verify, find_episodes(root / "episodes")))


def check_a_silent_camera_holds_it_until_told():
    with wired(BEGINS_OPEN, **REHEARSAL) as (arm, graph):
        cycle, image = Cycle(arm.node), graph.wires["/camera/image_raw"]
        cycle.is_in(CycleStatus.STARTING)
        image.change = lambda _: None
        cycle.is_in(CycleStatus.HOLDING)
        assert "no new image" in cycle.text(), cycle.text()
        arm.held_for(SafetyStatus.CAMERA_STALE)
        image.change = None
        arm.told_to_stop()
        assert cycle.state() == CycleStatus.HOLDING  # by itself it does not go on
        assert cycle.told("resume").success
        cycle.goes_on()


def check_a_killed_driver_is_waited_for_and_the_arm_is_told_to_stop_meanwhile():
    soon = PATIENT | {"ages": {"driver": 1.0}}  # s: before a new driver is there
    with observed() as (arm, root), Launch(root, soon, **REHEARSAL, record=root / "episodes") as launch:
        cycle = Cycle(arm.node)
        cycle.is_in(CycleStatus.GRASPING)
        until(lambda: arm.states[-1].moving, "it moves", LONG)
        launch.kill("arm_driver")
        cycle.says("the arm driver is silent")
        until(lambda: "the arm is told to stop" in launch.said(), "the guard speaks", LONG)
        cycle.goes_on()
        assert launch.process.poll() is None
        folders = list(find_episodes(root / "episodes"))
        assert folders and not any(map(verify, folders))
        assert not any(episode.truncated and episode.success for episode in map(read_episode, folders))


def check_what_is_stuck_in_the_jaw_holds_it_until_it_is_out():
    def wedged(message):
        message.position = [min(each, 0.02) for each in message.position]
        return message

    def clinging(message):
        message.position = [max(each, 0.01) for each in message.position]
        return message

    with wired(PATIENT | {"tries": 1}, **BLIND) as (arm, graph):
        cycle, jaw = Cycle(arm.node), graph.wires["/gripper/joint_states"]
        for change, text in ((wedged, "the jaw opens to 0.040 m only"), (clinging, "something clings to the open jaw")):
            jaw.change = change
            cycle.says(text)
            assert cycle.state() == CycleStatus.HOLDING and cycle.said[-1].stuck > 0
            arm.told_to_stop()
            if change is wedged:
                assert cycle.told("resume").success
                until(lambda: cycle.said[-1].state != CycleStatus.HOLDING, "it tries again", LONG)
                cycle.says(text)  # it is still in there
            jaw.change = None
            cycle.goes_on()
        assert arm.armed()


def check_an_empty_bin_has_objects_asked_for_once_and_waited_for():
    hand, lies, rng = [], [], np.random.default_rng(0)  # red things on a grey floor: places, shares of height and width

    def painted(message):
        picture = np.full((message.height, message.width, 3), 90, np.uint8)
        for place in [*lies, *(rng.uniform(0, 0.7, 2) for _ in hand)]:
            top, left = (np.array(place) * picture.shape[:2]).astype(int)
            picture[top:, left:][: len(picture) // 5, : len(picture) // 5] = 200, 30, 30
        image = Image(header=message.header, height=message.height, width=message.width, encoding="rgb8")
        image.step = 3 * message.width
        image.data.frombytes(picture.tobytes())
        return image

    with wired(PATIENT | {"failures": 1, "look": 0.5}, **BLIND) as (arm, graph):
        cycle, graph.wires["/camera/image_raw"].change = Cycle(arm.node), painted
        cycle.says("1 attempts in a row held nothing: is it empty?")
        assert cycle.state() == CycleStatus.EMPTY
        known = result(cycle.look.call_async(LookAtBin.Request(empty=True)), 30.0)
        assert known.looked and known.fill == LookAtBin.Response.EMPTY, known
        assert cycle.told("resume").success
        cycle.says("the bin looks empty")
        tried, heard, asked = cycle.attempts(), len(cycle.said), graph.said().count("the bin looks empty")
        until(lambda: len(cycle.said) > heard + 4, "it waits", LONG)  # one a second, in which it looks
        hand.append("moves")
        until(lambda: len(cycle.said) > heard + 8, "it waits on", LONG)
        assert {(each.state, each.attempts) for each in cycle.said[heard:]} == {(CycleStatus.EMPTY, tried)}
        assert graph.said().count("the bin looks empty") == asked
        arm.told_to_stop()
        hand.clear()
        lies.append((0.5, 0.5))
        cycle.says("1 attempts in a row held nothing, and the bin is not empty")
        assert cycle.state() == CycleStatus.HOLDING and cycle.attempts() == tried + 1


def check_a_disk_that_fills_up_costs_no_episode_and_is_waited_for():
    with observed() as (arm, root):
        episodes, full, free = root / "episodes", root / "full", shutil.disk_usage(root).free / 2**30
        episodes.mkdir()
        disk = {"disk": {"stop": free - 1.0, "go_on": free - 0.7}}  # GiB; others may write meanwhile
        with Launch(root, PATIENT | disk, **BLIND, record=episodes):
            cycle = Cycle(arm.node)
            cycle.is_in(CycleStatus.GRASPING)
            until(lambda: any(find_partial(episodes)), "it is being recorded", LONG)
            with full.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, 2 << 30)
            cycle.says("episode_logger: NOT recording")
            assert cycle.state() == CycleStatus.WAITING
            tried = len(list(find_episodes(episodes)))
            full.unlink()
            cycle.goes_on()
            until(lambda: len(list(find_episodes(episodes))) > tried > 0, "all are recorded", LONG)
            assert not any(map(verify, find_episodes(episodes)))
