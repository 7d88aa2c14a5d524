"""On a real Gazebo: the hand goes where it is told, objects come to rest in the bin and go again, the camera sees."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from qtopt_agent.core.cell import EMBEDDED
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.gazebo.bridge import HAND, IMAGE, OBJECTS, joint_topic
from qtopt_agent.gazebo.objects import objects_sdf
from qtopt_agent.gazebo.poses import Pose, in_world
from qtopt_agent.gazebo.release import Release, find_release
from qtopt_agent.gazebo.services import GazeboError, Services
from qtopt_agent.gazebo.world import IMAGE_SIZE, PARK_HEIGHT, world_sdf
from qtopt_agent.simulation import object_source
from qtopt_agent.simulation.layout import lay_out

JAW, BIN_HALF = EMBEDDED.jaw, EMBEDDED.bin.size[0] / 2

PATIENCE = 120.0  # s


def installed() -> Release | None:
    try:
        return find_release(os.environ)
    except InvalidInput:
        return None


RELEASE = installed()
pytestmark = pytest.mark.skipif(RELEASE is None, reason="Gazebo is not installed: nothing here was tried on it")


def wait_for(what: str, met: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            if met():
                return
        except GazeboError:  # not up yet
            pass
        assert time.monotonic() < end, what
        time.sleep(0.2)


class Live:
    """A running world."""

    def __init__(self, release: Release) -> None:
        self.release, self.services = release, Services(release)

    def command(self, **joints: float) -> None:
        for joint, value in joints.items():
            kind = f"{self.release.messages}.Double"
            subprocess.run(
                [self.release.program, "topic", "-t", joint_topic(joint), "-m", kind, "-p", f"data: {value}"],
                check=True,
            )

    def hand(self) -> dict[str, Pose]:
        told = self.services.poses()
        return in_world({name: told[name] for name in (HAND, "palm", "left_finger", "right_finger")}, HAND)

    def objects(self) -> dict[str, Pose]:
        told = self.services.poses()
        return in_world({name: pose for name, pose in told.items() if name.startswith("object")}, OBJECTS)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """One world for all tests, which nobody else hears of."""
    assert RELEASE is not None
    folder = tmp_path_factory.mktemp("gazebo")
    (folder / "cell.sdf").write_text(world_sdf(RELEASE))
    with pytest.MonkeyPatch.context() as patch, (folder / "gazebo.log").open("w") as log:
        for prefix in ("GZ", "IGN"):
            patch.setenv(f"{prefix}_PARTITION", f"qtopt_test_{os.getpid()}")
            patch.setenv(f"{prefix}_IP", "127.0.0.1")
        process = subprocess.Popen(RELEASE.serve(folder / "cell.sdf"), stdout=log, stderr=log, start_new_session=True)
        try:
            found = Live(RELEASE)
            wait_for(f"Gazebo: see {log.name}", lambda: "palm" in found.services.poses())
            yield found
        finally:
            for number in (signal.SIGINT, signal.SIGKILL):
                os.killpg(process.pid, number)
                try:
                    process.wait(10)
                    break
                except subprocess.TimeoutExpired:
                    continue


def test_the_hand_hangs_still_where_it_is_parked(live: Live) -> None:
    for _ in range(2):
        assert live.hand()["palm"].position == pytest.approx([0, 0, PARK_HEIGHT], abs=0.003)


def test_the_hand_goes_turns_and_opens_as_it_is_told(live: Live) -> None:
    goal = {"x": 0.05, "y": -0.03, "z": 0.15 - PARK_HEIGHT, "yaw": 1.0, "left": JAW.aperture / 2}

    def there() -> bool:
        live.command(**goal, right=JAW.aperture / 2)  # again: a publisher that ends at once is not always heard
        hand = live.hand()
        gap = np.linalg.norm(hand["right_finger"].position - hand["left_finger"].position) - JAW.finger_thickness
        away = np.linalg.norm(hand["palm"].position - [0.05, -0.03, 0.15])
        return bool(away < 0.003 and abs(hand["palm"].yaw - 1.0) < 0.05 and abs(gap - JAW.aperture) < 0.002)

    wait_for("the hand to be there", there)

    def back() -> bool:
        live.command(x=0.0, y=0.0, z=0.0)
        return bool(live.hand()["palm"].position[2] > PARK_HEIGHT - 0.01)

    wait_for("the hand to be back", back)


@pytest.mark.parametrize("split", ["train", "held-out"])
def test_objects_come_to_rest_in_the_bin_and_go_again(live: Live, tmp_path: Path, split: str) -> None:
    layout = lay_out(object_source(split), (3, 3), 1)
    (tmp_path / "objects.sdf").write_text(objects_sdf(layout, tmp_path))
    live.services.create(tmp_path / "objects.sdf")
    names = [f"object{i}" for i in range(3)]
    wait_for("objects to come", lambda: set(names) <= live.services.poses().keys())
    time.sleep(2.0)
    before, after = live.objects(), live.objects()
    for name, spec in zip(names, layout.objects, strict=True):
        assert np.linalg.norm(after[name].position - before[name].position) < 0.002, spec.name
        points = after[name].place(spec.outline)
        assert np.abs(points[:, :2].mean(0)).max() < BIN_HALF and -0.002 < points[:, 2].min() < 0.01, spec.name
    live.services.remove(OBJECTS)
    wait_for("objects to go", lambda: not set(names) & live.services.poses().keys())


def test_the_camera_sees_the_bin_between_the_fingers(live: Live) -> None:
    printed = subprocess.run(
        [live.release.program, "topic", "-e", "-n", "1", "-t", IMAGE], capture_output=True, text=True, timeout=PATIENCE
    ).stdout
    assert f"width: {IMAGE_SIZE}" in printed and f"height: {IMAGE_SIZE}" in printed
    data = re.search(r'^data: "(.*)"$', printed, re.MULTILINE)
    assert data is not None
    pixels = np.frombuffer(data.group(1).encode().decode("unicode_escape").encode("latin-1"), np.uint8)
    image = pixels.reshape(IMAGE_SIZE, IMAGE_SIZE, 3).astype(int)
    middle = slice(IMAGE_SIZE // 3, 2 * IMAGE_SIZE // 3)
    assert image[middle, : IMAGE_SIZE // 8].mean() < image[middle, middle].mean()  # dark fingers left and right
    assert image[middle, -IMAGE_SIZE // 8 :].mean() < image[middle, middle].mean()
