"""Intel RealSense colour cameras, through pyrealsense2."""

import importlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.perception.cameras import CameraStalled, Frame

MAX_OFFSET = 1.0  # s between a device's stamp and arrival, over which the two are not of one clock


class RealSenseCamera:
    """The colour stream. serial: "" takes the first device. size: (height, width), px. timeout: s, for one picture.

    A device that stops sending is reported, not waited for; `reset` resets its hardware, as a stalled USB link needs.
    """

    def __init__(
        self,
        serial: str = "",
        size: tuple[int, int] = (480, 640),
        rate: int = 30,
        timeout: float = 1.0,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rs = _pyrealsense2()
        self._serial, self._size, self._rate, self._timeout = serial, size, rate, timeout
        self._clock, self._sleep = clock, sleep
        self._last_number = -1
        self._pipeline: Any = None
        self._device: Any = None
        self._start()

    def read(self) -> Frame:
        """The next picture. Raises CameraStalled if none comes in time or the last one comes again."""
        try:
            color = self._pipeline.wait_for_frames(int(1000 * self._timeout)).get_color_frame()
        except RuntimeError as error:
            raise CameraStalled(f"RealSense {self._serial}: no picture within {self._timeout} s: {error}") from error
        arrived = self._clock()
        if not color or color.get_frame_number() == self._last_number:
            raise CameraStalled(f"RealSense {self._serial}: the colour stream stands still")
        self._last_number = color.get_frame_number()
        stamp = color.get_timestamp() / 1000
        # The device's stamp is of this clock only where the driver has brought both together ("global time").
        captured = stamp if abs(arrived - stamp) < MAX_OFFSET else arrived
        return Frame(np.array(color.get_data(), dtype=np.uint8), captured)

    def reset(self) -> None:
        """Reset the hardware and wait up to 10 s for it to come back."""
        self.close()
        self._device.hardware_reset()
        for _ in range(20):
            self._sleep(0.5)
            try:
                self._start()
            except CameraStalled:
                continue
            return
        raise CameraStalled(f"RealSense {self._serial} did not come back after its reset")

    def close(self) -> None:
        """Stop streaming."""
        if self._pipeline is not None:
            self._pipeline.stop()
            self._pipeline = None

    def _start(self) -> None:
        config = self._rs.config()
        if self._serial:
            config.enable_device(self._serial)
        height, width = self._size
        config.enable_stream(self._rs.stream.color, width, height, self._rs.format.rgb8, self._rate)
        pipeline = self._rs.pipeline()
        try:
            self._device = pipeline.start(config).get_device()
        except RuntimeError as error:
            raise CameraStalled(f"RealSense {self._serial or 'camera'} does not start: {error}") from error
        self._pipeline, self._last_number = pipeline, -1


def _pyrealsense2() -> Any:
    try:
        return importlib.import_module("pyrealsense2")
    except ImportError as error:
        raise InvalidInput("the RealSense camera needs pyrealsense2: pip install 'qtopt_agent[realsense]'") from error
