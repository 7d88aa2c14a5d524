"""A reset makes room, lays out objects and brings the hand to its start; a grasp is judged by where the objects are."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from qtopt_agent.core.cell import EMBEDDED
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.gazebo import rig as rig_module
from qtopt_agent.gazebo.bridge import JOINTS
from qtopt_agent.gazebo.poses import Pose
from qtopt_agent.gazebo.rig import Rig
from qtopt_agent.gazebo.services import GazeboError
from qtopt_agent.gazebo.world import PARK_HEIGHT
from qtopt_agent.simulation import object_source
from qtopt_agent.simulation.layout import lay_out

SOURCE = object_source("train")


def still(position: object, yaw: float = 0.0) -> Pose:
    return Pose.of(position, (0, 0, np.sin(yaw / 2), np.cos(yaw / 2)))


class FakeGazebo:
    """Its joints are where they are told to be, 10 ms of simulated time later."""

    def __init__(self, rig: "Rig | None" = None) -> None:
        self.joints = dict.fromkeys(JOINTS, 0.0)
        self.done: list[str] = []
        self.objects: dict[str, Pose] = {}
        self.deaf = False
        self.time = 0.0
        self.rig = rig or Rig(self, SOURCE, (2, 2), self.send)

    def send(self, joints: dict[str, float]) -> None:
        if not self.deaf:
            self.joints |= joints

    def create(self, file: Path) -> None:
        assert file.is_file()
        assert self.rig.position[2] > 0.3
        self.done.append("create")
        self.objects = {"objects": still((0, 0, 0)), "object0": still((0, 0, 0.02)), "object1": still((0.1, 0, 0.02))}

    def remove(self, model: str) -> None:
        self.done.append(f"remove {model}")
        self.objects = {}

    def poses(self) -> dict[str, Pose]:
        return {"hand": still((0, 0, PARK_HEIGHT)), **self.objects}

    def tick(self) -> None:
        self.time += 0.01
        j = self.joints
        told = {
            "hand": still((0, 0, PARK_HEIGHT)),
            "palm": still((j["x"], j["y"], j["z"]), j["yaw"]),
            "left_finger": still((-EMBEDDED.jaw.finger_thickness / 2 - j["left"], 0, 0)),
            "right_finger": still((EMBEDDED.jaw.finger_thickness / 2 + j["right"], 0, 0)),
        }
        # Fingers are told in the model's frame, turned as the palm is.
        palm = told["palm"]
        told |= {name: told[name].after(palm) for name in ("left_finger", "right_finger")}
        self.rig.hear(self.time, told)


@pytest.fixture
def gazebo() -> Iterator[FakeGazebo]:
    """A world that goes on in its own thread, as Gazebo's messages come."""
    fake, stop = FakeGazebo(), threading.Event()

    def run() -> None:
        while not stop.is_set():
            fake.tick()
            time.sleep(0.0005)

    thread = threading.Thread(target=run)
    thread.start()
    yield fake
    stop.set()
    thread.join()


def test_a_reset_lays_out_the_objects_of_its_seed_and_brings_the_open_hand_to_its_start(gazebo: FakeGazebo) -> None:
    rig = gazebo.rig
    for seed in (3, 4):
        rig.set_gripper(True)
        rig.reset(seed)
        layout = lay_out(SOURCE, (2, 2), seed)
        assert rig.object_names == tuple(spec.name for spec in layout.objects)
        assert rig.position == pytest.approx(np.array(layout.start[:3]), abs=0.011)
        assert np.cos(rig.yaw - layout.start[3]) > 0.99
        assert rig.aperture == pytest.approx(EMBEDDED.jaw.aperture, abs=1e-6)
    assert gazebo.done == ["create", "remove objects", "create"]


def test_set_points_are_ignored_during_a_reset(gazebo: FakeGazebo) -> None:
    rig = gazebo.rig
    thread = threading.Thread(target=rig.reset, args=(0,))
    thread.start()
    while "create" not in gazebo.done:
        rig.set_pose(np.array([0.1, 0.1, 0.01]), 0.0)
        rig.set_gripper(True)
        time.sleep(0.001)
        assert not gazebo.done or rig.position[2] > 0.1  # in this order: the reset goes on meanwhile
    thread.join()
    assert rig.aperture == pytest.approx(EMBEDDED.jaw.aperture, abs=1e-6)


def test_a_set_point_on_its_way_as_a_reset_begins_does_not_undo_it(gazebo: FakeGazebo) -> None:
    sending, go_on = threading.Event(), threading.Event()
    send = gazebo.rig._send

    def slow(joints: dict[str, float]) -> None:
        sending.set()
        go_on.wait(20)
        send(joints)

    gazebo.rig._send = slow
    late = threading.Thread(target=gazebo.rig.set_pose, args=(np.array([0.1, 0.1, 0.01]), 0.0))
    late.start()
    assert sending.wait(20)
    gazebo.rig._send = send
    resetting = threading.Thread(target=gazebo.rig.reset, args=(0,))
    resetting.start()
    time.sleep(0.05)
    go_on.set()
    late.join()
    resetting.join()
    assert gazebo.done == ["create"]
    assert gazebo.rig.position[2] > 0.15


def test_the_hand_turns_the_short_way_and_may_turn_on_and_on() -> None:
    fake = FakeGazebo()
    fake.tick()
    for step in range(1, 30):
        yaw = 0.5 * step
        fake.rig.set_pose(np.array([0.0, 0.0, 0.2]), float((yaw + np.pi) % (2 * np.pi) - np.pi))
        fake.tick()
        assert fake.joints["yaw"] == pytest.approx(yaw)
    assert fake.rig.position == pytest.approx([0, 0, 0.2])


def test_a_set_point_is_told_once() -> None:
    fake, told = FakeGazebo(), []
    fake.rig._send = told.append
    for _ in range(3):
        fake.rig.set_pose(np.array([0.1, 0.0, 0.2]), 0.5)
    fake.rig.set_pose(np.array([0.1, 0.05, 0.2]), 0.5)
    assert [each for each in told if each] == [{"x": 0.1, "y": 0.0, "z": 0.2 - PARK_HEIGHT, "yaw": 0.5}, {"y": 0.05}]


def test_a_grasp_counts_while_the_shut_jaw_holds_an_object_up(gazebo: FakeGazebo) -> None:
    rig = gazebo.rig
    assert not rig.succeeded()
    rig.reset(0)
    rig.set_pose(np.array([0.0, 0.0, 0.15]), 0.0)
    gazebo.objects["object0"] = still((0, 0, 0.15))
    assert not rig.succeeded()  # open
    rig.set_gripper(True)
    gazebo.joints |= {"left": 0.01, "right": 0.01}
    end = time.monotonic() + 20
    while not rig.succeeded() and time.monotonic() < end:
        time.sleep(0.01)
    assert rig.succeeded()
    gazebo.objects["object0"] = still((0, 0, 0.02))
    assert not rig.succeeded()  # on the floor
    gazebo.objects["object1"] = still((0.1, 0.2, 0.2))
    assert not rig.succeeded()  # up, but not at the finger tips


def test_a_world_that_does_not_get_on_is_told(gazebo: FakeGazebo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rig_module, "PATIENCE", 0.05)
    gazebo.joints["x"] = 0.3
    gazebo.deaf = True
    while gazebo.rig.position[0] < 0.2:
        time.sleep(0.001)
    with pytest.raises(GazeboError, match="waited 0 s in vain for the hand to be parked"):
        gazebo.rig.reset(0)


def test_objects_that_did_not_come_are_told(gazebo: FakeGazebo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeGazebo, "create", lambda self, file: None)
    with pytest.raises(GazeboError, match="did not put the objects into the bin"):
        gazebo.rig.reset(0)


def test_a_set_point_that_is_no_number_is_refused() -> None:
    with pytest.raises(InvalidInput, match="expected finite numbers"):
        FakeGazebo().rig.set_pose(np.array([0.0, np.nan, 0.1]), 0.0)
