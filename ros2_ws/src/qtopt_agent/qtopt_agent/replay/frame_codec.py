"""Large frames on the disk: each without loss by lz4 or as a JPEG, whichever is shorter.

Drawn pictures are shortest as lz4, those of a camera or with its noise as JPEG: docs/algorithms/replay.md has figures.
"""

import cv2
import lz4.block
import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.errors import InvalidInput

QUALITY = 95
_LZ4, _JPEG = b"L", b"J"


def pack(frame: NDArray[np.uint8]) -> bytes:
    """The bytes of a frame uint8 [H, W, 3] RGB. Raises InvalidInput on a side of more than 65,535 px."""
    exact = lz4.block.compress(np.ascontiguousarray(frame), store_size=False)
    try:
        _, picture = cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    except cv2.error as error:
        raise InvalidInput(f"frame of {frame.shape[1]}x{frame.shape[0]} px makes no JPEG: {error.err}") from error
    return _LZ4 + exact if len(exact) <= len(picture) else _JPEG + picture.tobytes()


def unpack(data: bytes, size: tuple[int, int]) -> NDArray[np.uint8]:
    """The frame uint8 [H, W, 3] RGB of `size` (height, width) that `pack` made `data` of.

    Raises InvalidInput where it is not one.
    """
    kind, shape = data[:1], (*size, 3)
    frame: NDArray[np.uint8] | None = None
    if kind == _LZ4:
        try:
            values = lz4.block.decompress(data[1:], uncompressed_size=size[0] * size[1] * 3)
        except lz4.block.LZ4BlockError as error:
            raise InvalidInput(f"frame of {len(data)} bytes is damaged: {error}") from error
        if len(values) == size[0] * size[1] * 3:
            frame = np.frombuffer(values, np.uint8).reshape(shape)
    elif kind == _JPEG and len(data) > 1:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8, offset=1), cv2.IMREAD_COLOR)
        frame = None if picture is None else np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
    if frame is None or frame.shape != shape:
        raise InvalidInput(f"frame of {len(data)} bytes is damaged: expected one of {size[1]}x{size[0]} px")
    return frame
