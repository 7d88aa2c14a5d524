"""The camera node with pictures from a folder and a video, and with devices that stall, freeze or crawl."""

import json
import subprocess

import cv2
import numpy as np
from graph_tools import LONG, RUNNER, Diagnosed, Spinning, folder, running, until
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image


def pictures(root, count=3):
    for i in range(count):
        cv2.imwrite(str(root / f"{i}.png"), np.full((48, 64, 3), (10, 20, 60 + 60 * i), np.uint8))


def listen(node):
    found = []
    node.create_subscription(Image, "/camera/image_raw", found.append, qos_profile_sensor_data)
    return found


def stamp(message):
    return message.header.stamp.sec + message.header.stamp.nanosec * 1e-9


def check_what_a_camera_publishes_can_be_had_as_a_file():
    with folder() as root:
        pictures(root, 1)
        with running(("camera", {"source": "folder", "device": str(root), "rate": 20.0})):
            assert snapshot("/camera/image_raw", root / "taken.png") == ""
        assert (cv2.imread(str(root / "taken.png")) == cv2.imread(str(root / "0.png"))).all()
        assert snapshot("/nobody/here", root / "none.png", 1.0) == "no picture on /nobody/here within 1 s"
        assert not (root / "none.png").exists()


def snapshot(topic, file, seconds=30.0):
    asked = [
        word
        for pair in (("topic", topic), ("file", file), ("seconds", seconds))
        for word in ("-p", "{}:={}".format(*pair))
    ]
    done = subprocess.run(
        [*RUNNER, "qtopt_agent.nodes.snapshot", "--ros-args", *asked], stdout=subprocess.PIPE, text=True, timeout=LONG
    )
    return json.loads(done.stdout.splitlines()[-1])


def check_a_folder_of_pictures_is_a_camera():
    with folder() as root, Spinning("probe") as probe:
        pictures(root)
        found, heard = listen(probe.node), Diagnosed(probe.node)
        with running(("camera", {"source": "folder", "device": str(root), "rate": 20.0})):
            until(lambda: len(found) >= 10, "ten pictures")
            until(lambda: heard.level("camera") is not None, "diagnostics")
        now = probe.node.get_clock().now().nanoseconds / 1e9
        assert all(a < b for a, b in zip(map(stamp, found), map(stamp, found[1:]), strict=False))
        assert now - 120 < stamp(found[0]) <= now
        image = found[0]
        assert (image.encoding, image.height, image.width, image.step) == ("rgb8", 48, 64, 192)
        assert image.header.frame_id == "camera_optical_frame"
        red = {np.frombuffer(image.data, np.uint8)[0] for image in found}
        assert red == {60, 120, 180}, red


def check_a_video_is_a_camera():
    with folder() as root, Spinning("probe") as probe:
        file = str(root / "film.avi")
        video = cv2.VideoWriter(file, cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
        for i in range(5):
            video.write(np.full((48, 64, 3), 50 * i, np.uint8))
        video.release()
        found = listen(probe.node)
        with running(("camera", {"source": "video", "device": file, "rate": 20.0})):
            until(lambda: len(found) >= 8, "more pictures than the film has")


def check_a_slow_camera_is_a_warning():
    with folder() as root, Spinning("probe") as probe:
        fifo_of_pictures(root)
        heard = Diagnosed(probe.node)
        with running(("camera", {"source": "folder", "device": str(root), "rate": 200.0})):
            until(lambda: heard.level("camera") == 1, "a warning")
        assert "asked for 200.0" in heard.by_name["camera"][1], heard.by_name


def fifo_of_pictures(root):
    """One picture so large that no machine reads it 200 times a second."""
    cv2.imwrite(str(root / "large.png"), np.random.default_rng(0).integers(0, 255, (2000, 3000, 3), np.uint8))


def check_a_missing_device_ends_the_node_with_a_reason():
    with running(("camera", {"source": "folder", "device": "/nowhere"})) as graph:
        assert graph.wait() == 2
        assert "there is no folder of pictures at /nowhere" in graph.said()


def check_a_picture_that_is_none_ends_the_node_with_its_name():
    with folder() as root:
        (root / "a.png").write_bytes(b"not a picture")
        with running(("camera", {"source": "folder", "device": str(root)})) as graph:
            assert graph.wait() == 1
            assert "a.png is not a " in graph.said().splitlines()[-1]


def check_an_unknown_source_is_refused():
    with running(("camera", {"source": "webcam"})) as graph:
        assert graph.wait() == 2
        assert "source is 'webcam', expected one of realsense" in graph.said()
