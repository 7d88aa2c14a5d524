"""From messages to pictures: by cv_bridge where it is, else by perception/ingest.py, which gives the same bytes."""

import os
from typing import Any

import cv2
import numpy as np
from rclpy.logging import get_logger
from sensor_msgs.msg import CompressedImage, Image

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.perception.ingest import COMPRESSED, RawImage, stored

try:
    from cv_bridge import CvBridge
except ImportError as error:  # without ROS 2, or beside a numpy that it was not built for
    CvBridge = None
    if "AMENT_PREFIX_PATH" in os.environ:
        get_logger("pictures").warning(f"cv_bridge does not load ({error}): pictures are read without it")


def picture_type(topic: str) -> Any:
    """The type of what is on `topic`: image_transport has CompressedImage on NAME/compressed, and Image on NAME."""
    return CompressedImage if topic.endswith("/compressed") else Image


def raw_image(message: Any) -> RawImage:
    """sensor_msgs/Image or CompressedImage. What cv_bridge cannot convert is left to `decode`, which says why."""
    data = memoryview(message.data)
    if isinstance(message, CompressedImage):
        return RawImage(data, COMPRESSED)
    big_endian = bool(message.is_bigendian)
    raw = RawImage(data, message.encoding, message.height, message.width, message.step, big_endian)
    return raw if CvBridge is None or raw.encoding == "rgb8" else _bridged(message, raw)


def _bridged(message: Any, raw: RawImage) -> RawImage:
    try:
        stored(raw)  # cv_bridge itself takes too many bytes, and rows that are too long
        pixels = np.ascontiguousarray(CvBridge().imgmsg_to_cv2(message, "rgb8"))
    except (InvalidInput, TypeError, ValueError, AttributeError, RuntimeError, cv2.error):
        return raw
    height, width, _ = pixels.shape
    return RawImage(pixels.reshape(-1), "rgb8", height, width, 3 * width)
