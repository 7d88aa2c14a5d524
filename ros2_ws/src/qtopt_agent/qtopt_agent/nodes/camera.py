"""A camera's pictures with their capture times: RealSense, Video4Linux, or a folder or video in place of one."""

import threading
import time
from pathlib import Path

from rclpy.node import Node
from sensor_msgs.msg import Image

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.graph import settings
from qtopt_agent.graph.parameters import declare
from qtopt_agent.graph.process import run_node
from qtopt_agent.nodes import diagnostics
from qtopt_agent.nodes.conversions import image_message
from qtopt_agent.nodes.qos import SENSOR
from qtopt_agent.perception.camera_watch import CameraWatch
from qtopt_agent.perception.cameras import Camera, CameraStalled, FolderCamera, V4L2Camera, VideoCamera
from qtopt_agent.perception.realsense import RealSenseCamera

RESET_AFTER = 3  # stalls in a row


class CameraNode(Node):
    """Publishes pictures, says when none come, and resets a camera that has stalled."""

    def __init__(self) -> None:
        super().__init__("camera")
        self._p = declare(self, settings.CAMERA)
        self._camera = self._open()
        self._out = self.create_publisher(Image, self._p["image_topic"], SENSOR)
        self._watch = CameraWatch(self._p["rate"], self._p["timeout"])
        device = f"{self._p['source']} {self._p['device']}".strip()
        diagnostics.Diagnostics(self, "pictures", self._diagnose, hardware_id=device)
        self._running = True
        self._thread = threading.Thread(target=self._loop, name="camera", daemon=True)
        self._thread.start()

    def stop(self) -> bool:
        """Wait for the picture that is being taken, and give the camera back."""
        self._running = False
        self._thread.join(timeout=0.02)
        if self._thread.is_alive():
            return time.monotonic() - self._watch.last > 2 * self._p["timeout"]  # a driver that hangs is left behind
        self._camera.close()
        return True

    def _open(self) -> Camera:
        p = self._p
        source, device, size = p["source"], p["device"], (p["height"], p["width"])
        if source not in settings.SOURCES:
            raise InvalidInput(f"source is {source!r}, expected one of {', '.join(settings.SOURCES)}")
        if source == "realsense":
            return RealSenseCamera(device, size, round(p["rate"]), p["timeout"], clock=self._now)
        if source == "v4l2":
            return V4L2Camera(device or "/dev/video0", size, p["rate"], p["timeout"], clock=self._now)
        if not device:
            raise InvalidInput(f"device is empty, expected the path of a {source}")
        kind = FolderCamera if source == "folder" else VideoCamera
        return kind(Path(device), p["rate"], clock=self._now)

    def _now(self) -> float:
        return float(self.get_clock().now().nanoseconds / 1e9)

    def _loop(self) -> None:
        while self._running:
            self._take()

    def _take(self) -> None:
        try:
            frame = self._camera.read()
            self._watch.taken(frame.stamp)
            if self._running:
                self._out.publish(image_message(frame.image, frame.stamp, self._p["frame_id"]))
        except CameraStalled as error:
            stalls = self._watch.stalled()
            self.get_logger().error(str(error), throttle_duration_sec=1.0)
            if stalls % RESET_AFTER == 0:
                self._reset()

    def _reset(self) -> None:
        self.get_logger().warning("resetting the camera")
        try:
            self._camera.reset()
        except CameraStalled as error:
            self.get_logger().error(f"after a reset: {error}")
            time.sleep(self._p["timeout"])

    def _diagnose(self) -> tuple[int, str, dict[str, object]]:
        report = self._watch.report()
        if report.stalled:
            self.get_logger().error(report.text, throttle_duration_sec=5.0)
            return diagnostics.ERROR, report.text, report.values
        return (diagnostics.WARN if report.slow else diagnostics.OK), report.text, report.values


def main() -> int:
    """Run the node."""
    return run_node(CameraNode)
