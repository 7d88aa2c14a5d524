"""Pictures of messages: compressed or not, and by cv_bridge the same bytes as by our own converter."""

import cv2
import numpy as np
from sensor_msgs.msg import CompressedImage, Image

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.nodes import pictures
from qtopt_agent.nodes.pictures import picture_type, raw_image
from qtopt_agent.perception.ingest import FORMATS, RawImage, decode

HEIGHT, WIDTH = 6, 8
DRAW = np.random.default_rng(0)


def message(encoding, padding=2, big_endian=0):
    values, size, _ = FORMATS[encoding]
    step = WIDTH * values * size + padding
    made = Image(height=HEIGHT, width=WIDTH, encoding=encoding, step=step, is_bigendian=big_endian)
    made.data.frombytes(DRAW.integers(0, 256, HEIGHT * step, np.uint8).tobytes())
    return made


def check_cv_bridge_gives_the_same_bytes():
    if pictures.CvBridge is None:
        raise RuntimeError("SKIP: no cv_bridge here: pictures were NOT compared with it")
    for encoding in FORMATS:
        for big_endian in (0, 1) if FORMATS[encoding].size == 2 else (0,):
            for padding in (0, 2 * FORMATS[encoding].values * FORMATS[encoding].size):
                made = message(encoding, padding, big_endian)
                ours = RawImage(made.data, encoding, HEIGHT, WIDTH, made.step, bool(big_endian))
                assert np.array_equal(decode(raw_image(made)), decode(ours)), (encoding, big_endian, padding)


def check_a_malformed_picture_is_refused_by_name():
    made = message("bgr8")
    for field, value in (
        ("encoding", "32FC1"),
        ("encoding", ""),
        ("step", 1),
        ("step", 2**31),
        ("height", 7),
        ("width", 9),
    ):
        before = getattr(made, field)
        setattr(made, field, value)
        try:
            decode(raw_image(made))
            raise AssertionError(f"{field} {value!r} was taken")
        except InvalidInput as error:
            assert "image" in str(error), error
        setattr(made, field, before)
    assert decode(raw_image(made)).shape == (HEIGHT, WIDTH, 3)


def check_the_topics_name_decides_what_is_on_it():
    assert picture_type("camera/image_raw") is Image
    assert picture_type("/wrist/image_raw/compressed") is CompressedImage
    rgb = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    made = CompressedImage(format="rgb8; png compressed bgr8")
    made.data.frombytes(cv2.imencode(".png", rgb[..., ::-1])[1].tobytes())
    assert np.array_equal(decode(raw_image(made)), rgb)
