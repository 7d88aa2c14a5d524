"""The success detector's answers, from a jaw and from pictures of the simulated bin."""

import threading
import time

import mujoco
import numpy as np
from attempt import Agent, episode
from graph_tools import Spinning, folder, running, until
from harness import result
from qtopt_msgs.msg import GripperState
from qtopt_msgs.srv import JudgeGrasp, LookAtBin
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger

from qtopt_agent.core.profile import LOWDIM
from qtopt_agent.episodes.label import read_label
from qtopt_agent.episodes.reader import find_episodes, read_episode
from qtopt_agent.simulation import make_robot
from qtopt_agent.simulation.rays import RayCamera

KINDS = {"judge": JudgeGrasp, "before": Trigger, "after": JudgeGrasp, "look": LookAtBin}
BIN = {"region": [0.26, 0.42, 0.75, 0.87], "age": 10.0}  # where the shoulder camera sees it


class Arm:
    """A jaw and a picture of the bin, published over and over."""

    def __init__(self, node):
        self.aperture, self.closed, self.picture = 0.03, True, np.zeros((135, 180, 3), np.uint8)
        self.jaws = node.create_publisher(GripperState, "/gripper/state", qos_profile_sensor_data)
        self.images = node.create_publisher(Image, "/camera/image_raw", qos_profile_sensor_data)
        self.node, self.on = node, True
        self.thread = threading.Thread(target=self.loop, daemon=True)

    def loop(self):
        while self.on:
            stamp = self.node.get_clock().now().to_msg()
            jaw = GripperState(aperture=self.aperture, effort=float("nan"), closed=self.closed)
            image = Image(height=135, width=180, encoding="rgb8", step=540)
            image.data.frombytes(self.picture.tobytes())
            jaw.header.stamp = image.header.stamp = stamp
            self.jaws.publish(jaw)
            self.images.publish(image)
            time.sleep(0.02)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.on = False
        self.thread.join()


class Detector:
    def __init__(self, node):
        self.clients = {name: node.create_client(kind, f"/success_detector/{name}") for name, kind in KINDS.items()}
        assert all(client.wait_for_service(60.0) for client in self.clients.values())

    def __call__(self, name, **request):
        return result(self.clients[name].call_async(KINDS[name].Request(**request)), 30.0)


def bin_pictures(seed=0):
    """The simulated bin with an object taken out of it, and with it back."""
    robot = make_robot(LOWDIM, "validation", (1, 4))
    robot.reset(seed)
    model, data = robot._model, robot._data
    data.qpos[:3] = (0, 0, 0.6)  # the hand is out of view
    mujoco.mj_forward(model, data)
    camera, light = RayCamera("shoulder", (135, 180), oversample=1), robot._appearance.light
    after = camera.render(model, data, light)
    data.qpos[6:9] = (3, 3, 0.1)
    mujoco.mj_forward(model, data)
    return camera.render(model, data, light), after


def check_the_jaw_tells_at_once():
    with Spinning("arm") as probe, running(("success_detector", BIN)):
        detector = Detector(probe.node)
        answer = detector("judge", episode_id="e")
        assert not answer.judged and "no gripper state has come" in answer.message, answer.message
        with Arm(probe.node) as arm:
            for aperture, holds in ((0.03, True), (0.0, False)):
                arm.aperture = aperture
                until(lambda: detector("judge", episode_id="e").success is holds, f"{aperture} m")  # noqa: B023
            arm.aperture, arm.closed = 0.07, False  # pressed together by a wall, as it was seen in a rehearsal
            until(lambda: "not told to close" in detector("judge", episode_id="e").message, "an open jaw")
            assert not detector("judge", episode_id="e").success
            assert detector("judge", episode_id="e").judged


def check_an_old_gripper_state_is_not_judged_by():
    with Spinning("arm") as probe, running(("success_detector", {**BIN, "age": 0.3})):
        detector = Detector(probe.node)
        with Arm(probe.node):
            until(lambda: detector("judge", episode_id="e").judged, "a verdict")
        until(lambda: "s old, the limit is 0.3 s" in detector("judge", episode_id="e").message, "it is too old")


def check_pictures_of_the_bin_correct_the_label():
    before, after = bin_pictures()
    with folder() as root, Spinning("arm", "agent") as probe:
        agent = Agent(probe.nodes[1])
        log = ("episode_logger", {"folder": str(root), "disk": {"stop": 0.0, "go_on": 0.001}})
        with running(("success_detector", BIN), log), Arm(probe.node) as arm:
            detector = Detector(probe.node)
            until(agent.ready, "the logger listens")
            agent.send(episode("grasp"))
            (logged,) = until(lambda: root.is_dir() and list(find_episodes(root)), "the episode is there")
            arm.aperture, arm.picture = 0.0025, before  # the jaw alone would say: nothing held
            assert not detector("after").judged
            until(lambda: detector("judge", episode_id="grasp").judged, "a verdict")
            time.sleep(0.5)
            assert detector("before").success
            arm.picture = after
            time.sleep(0.5)
            assert "'grasp' was judged last" in detector("after", episode_id="other").message
            answer = detector("after", episode_id="grasp")
            assert answer.judged and answer.success and answer.message.startswith("success: "), answer.message
            label = until(lambda: read_label(logged), "the label")
            assert label.success and label.author.startswith("success_detector, confidence"), label
            assert read_episode(logged).success
            assert not detector("before").success  # until the next grasp has been judged


def check_a_label_is_recorded_as_soon_as_there_is_a_logger():
    before, after = bin_pictures()
    with folder() as root, Spinning("arm", "agent") as probe:
        agent = Agent(probe.nodes[1])
        log = ("episode_logger", {"folder": str(root), "disk": {"stop": 0.0, "go_on": 0.001}})
        with running(("success_detector", BIN)), Arm(probe.node) as arm:
            detector = Detector(probe.node)
            with running(log):
                until(agent.ready, "the logger listens")
                agent.send(episode("grasp"))
                (logged,) = until(lambda: root.is_dir() and list(find_episodes(root)), "the episode is there")
            arm.aperture, arm.picture = 0.03, before
            until(lambda: detector("judge", episode_id="grasp").judged, "a verdict")
            time.sleep(0.5)
            assert detector("before").success
            arm.picture = after
            time.sleep(0.5)
            assert detector("after", episode_id="grasp").success
            assert read_label(logged) is None
            with running(log):
                assert until(lambda: read_label(logged), "the label").success


def check_the_jaw_is_judged_without_an_episode_and_nothing_forgotten():
    with Spinning("arm") as probe, running(("success_detector", BIN)), Arm(probe.node) as arm:
        detector = Detector(probe.node)
        until(lambda: detector("judge", episode_id="e").success, "a verdict")
        assert detector("before").success
        arm.aperture = 0.0
        until(lambda: not detector("judge").success, "nothing is held")
        assert detector("after", episode_id="e").judged


def check_a_look_tells_what_has_changed_and_whether_the_bin_is_empty():
    empty, filled = bin_pictures()
    with folder() as root, Spinning("arm") as probe:
        settings = {**BIN, "empty_bin": str(root / "empty.png")}
        with Arm(probe.node) as arm:
            arm.picture = empty
            with running(("success_detector", settings)):
                detector = Detector(probe.node)
                assert until(lambda: (seen := detector("look", remember=True)).looked and seen, "a look").fill == 0
                assert detector("look", empty=True).fill == LookAtBin.Response.EMPTY
                arm.picture = filled
                seen = until(lambda: (seen := detector("look")).changed and seen, "it has changed")
                assert seen.fill == LookAtBin.Response.FILLED
                assert detector("look", remember=True).changed and not detector("look").changed
            with running(("success_detector", settings)):  # it knows the empty bin again
                again = Detector(probe.node)
                seen = until(lambda: (seen := again("look")).looked and seen, "a look")
                assert seen.fill == LookAtBin.Response.FILLED and not seen.changed
