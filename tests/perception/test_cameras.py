"""Cameras deliver what is there, at their rate, and say when nothing comes."""

import sys
import time
from types import ModuleType, SimpleNamespace

import cv2
import numpy as np
import pytest

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.perception.cameras import CameraStalled, FolderCamera, V4L2Camera, VideoCamera
from qtopt_agent.perception.realsense import RealSenseCamera

RED, GREEN = (250, 10, 10), (10, 250, 10)


def picture(colour, size=(48, 64)):
    return np.full((*size, 3), colour, np.uint8)


@pytest.fixture
def folder(tmp_path):
    for name, colour in (("b.png", GREEN), ("a.png", RED)):
        cv2.imwrite(str(tmp_path / name), picture(colour)[..., ::-1])
    (tmp_path / "notes.txt").write_text("no picture")
    return tmp_path


def test_a_folder_is_shown_in_order_over_and_over_in_rgb(folder):
    clock = iter(range(100))
    camera = FolderCamera(folder, rate=1000, clock=lambda: float(next(clock)))
    frames = [camera.read() for _ in range(3)]
    assert [tuple(frame.image[0, 0]) for frame in frames] == [RED, GREEN, RED]
    assert [frame.stamp for frame in frames] == [0.0, 1.0, 2.0]
    camera.reset()
    assert tuple(camera.read().image[0, 0]) == RED


def test_a_folder_keeps_its_rate(folder):
    slept = []
    camera = FolderCamera(folder, rate=0.01, sleep=slept.append)
    for _ in range(3):
        camera.read()
    # Nothing was really slept, so the third is due later still.
    assert slept == [pytest.approx(100, abs=50), pytest.approx(200, abs=50)]


def test_a_folder_without_pictures_or_with_a_broken_one_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="no folder"):
        FolderCamera(tmp_path / "none")
    with pytest.raises(InvalidInput, match="no pictures"):
        FolderCamera(tmp_path)
    (tmp_path / "broken.png").write_bytes(b"not a png")
    with pytest.raises(InvalidInput, match=r"broken\.png"):
        FolderCamera(tmp_path).read()
    with pytest.raises(InvalidInput, match="rate"):
        FolderCamera(tmp_path, rate=0)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_cut_picture_is_refused_and_not_shown_with_grey_for_the_rest(tmp_path, suffix):
    file = tmp_path / f"cut{suffix}"
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    whole = cv2.imencode(suffix, noise)[1].tobytes()
    file.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(InvalidInput, match=rf"cut\{suffix} is not a whole"):
        FolderCamera(tmp_path).read()


def test_a_video_is_shown_over_and_over(tmp_path):
    file = tmp_path / "video.avi"
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter_fourcc(*"MJPG"), 25, (64, 48))
    for colour in (RED, GREEN):
        writer.write(np.ascontiguousarray(picture(colour)[..., ::-1]))
    writer.release()
    camera = VideoCamera(file, rate=1000)
    seen = [camera.read().image[20, 20].argmax() for _ in range(5)]
    assert seen == [0, 1, 0, 1, 0]
    camera.close()


def test_what_is_no_video_is_refused(tmp_path):
    (tmp_path / "video.avi").write_bytes(b"nothing")
    with pytest.raises(InvalidInput, match=r"video\.avi"):
        VideoCamera(tmp_path / "video.avi")


class FakeCapture:
    """Stands in for cv2.VideoCapture: gives pictures until it stalls; opening it anew helps."""

    def __init__(self, pictures):
        self.pictures, self.opened, self.options = pictures, 0, None
        self.set_to = {}

    def __call__(self, device, backend, options):
        self.opened, self.left, self.options = self.opened + 1, self.pictures, options
        return self

    def isOpened(self):
        return self.pictures > 0

    def set(self, name, value):
        self.set_to[name] = value

    def read(self):
        self.left -= 1
        return (True, picture(RED)[..., ::-1]) if self.left >= 0 else (False, None)

    def release(self):
        pass


def test_a_stalled_device_is_reported_and_a_reset_opens_it_again(monkeypatch):
    capture = FakeCapture(pictures=2)
    monkeypatch.setattr(cv2, "VideoCapture", capture)
    camera = V4L2Camera(size=(48, 64), timeout=0.5, clock=lambda: 7.0)
    assert cv2.CAP_PROP_READ_TIMEOUT_MSEC in capture.options and 500 in capture.options
    assert tuple(camera.read().image[0, 0]) == RED
    assert camera.read().stamp == 7.0
    with pytest.raises(CameraStalled, match="/dev/video0"):
        camera.read()
    camera.reset()
    assert capture.opened == 2
    camera.read()
    camera.close()


def test_a_device_that_is_not_there_or_has_another_size_is_refused(monkeypatch):
    monkeypatch.setattr(cv2, "VideoCapture", FakeCapture(pictures=0))
    with pytest.raises(CameraStalled, match="plugged in"):
        V4L2Camera()
    monkeypatch.setattr(cv2, "VideoCapture", FakeCapture(pictures=1))
    with pytest.raises(InvalidInput, match="64x48"):
        V4L2Camera(size=(480, 640)).read()


class FakeRealSense(ModuleType):
    """Stands in for pyrealsense2. Frames come until `stall`; a hardware reset ends the stall after `gone` tries."""

    def __init__(self, clock):
        super().__init__("pyrealsense2")
        self.clock, self.stalled, self.frozen, self.gone, self.resets, self.number = clock, False, False, 0, 0, 0
        self.stream, self.format = SimpleNamespace(color="color"), SimpleNamespace(rgb8="rgb8")
        self.config = lambda: SimpleNamespace(enable_device=lambda s: None, enable_stream=lambda *a: None)
        self.offset = 0.0

    def pipeline(self):
        return SimpleNamespace(start=self.start, stop=lambda: None, wait_for_frames=self.wait)

    def start(self, config):
        if self.gone > 0:
            self.gone -= 1
            raise RuntimeError("No device connected")
        return SimpleNamespace(get_device=lambda: SimpleNamespace(hardware_reset=self.hardware_reset))

    def hardware_reset(self):
        self.resets, self.stalled, self.frozen, self.gone = self.resets + 1, False, False, 3

    def wait(self, timeout):
        if self.stalled:
            raise RuntimeError(f"Frame didn't arrive within {timeout}")
        self.number += not self.frozen
        color = SimpleNamespace(
            get_frame_number=lambda: self.number,
            get_timestamp=lambda: 1000 * (self.clock() - 0.02 + self.offset),
            get_data=lambda: picture(GREEN),
        )
        return SimpleNamespace(get_color_frame=lambda: color)


@pytest.fixture
def realsense(monkeypatch):
    fake = FakeRealSense(lambda: 50.0)
    monkeypatch.setitem(sys.modules, "pyrealsense2", fake)
    return fake


def make_realsense(fake):
    return RealSenseCamera(clock=fake.clock, sleep=lambda s: None)


def test_a_realsense_frame_has_its_capture_time(realsense):
    camera = make_realsense(realsense)
    frame = camera.read()
    assert tuple(frame.image[0, 0]) == GREEN
    assert frame.stamp == pytest.approx(49.98)
    realsense.offset = -1e6  # the device counts from its own start
    assert camera.read().stamp == 50.0


@pytest.mark.parametrize("how", ["stalled", "frozen"])
def test_a_realsense_that_stops_is_reported_and_comes_back_after_a_hardware_reset(realsense, how):
    camera = make_realsense(realsense)
    camera.read()
    setattr(realsense, how, True)
    with pytest.raises(CameraStalled):
        camera.read()
    camera.reset()
    assert realsense.resets == 1
    camera.read()


def test_a_realsense_that_never_comes_back_is_reported(realsense):
    camera = make_realsense(realsense)
    realsense.hardware_reset = lambda: setattr(realsense, "gone", 10**6)
    camera._device.hardware_reset = realsense.hardware_reset
    with pytest.raises(CameraStalled, match="did not come back"):
        camera.reset()
    camera.close()


def test_without_pyrealsense2_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyrealsense2", None)
    with pytest.raises(InvalidInput, match=r"pip install 'qtopt_agent\[realsense\]'"):
        RealSenseCamera()


def test_pictures_are_stamped_with_system_time_unless_told_otherwise(folder):
    assert FolderCamera(folder).read().stamp == pytest.approx(time.time(), abs=60)
