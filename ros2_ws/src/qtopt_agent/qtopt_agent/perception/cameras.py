"""Cameras behind one interface: V4L2 devices, folders of pictures and video files. RealSense has its own file."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.errors import InvalidInput, QtoptError
from qtopt_agent.perception.pictures import decode_picture

Image = NDArray[np.uint8]
SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"}


class CameraStalled(QtoptError):
    """No picture came in time. `reset` may help."""


class Frame(NamedTuple):
    """image: uint8 [H, W, 3] RGB. stamp: capture time, s of the clock that the camera was given."""

    image: Image
    stamp: float


class Camera(Protocol):
    """Something that takes pictures."""

    def read(self) -> Frame:
        """The next picture; blocks until it is there. Raises CameraStalled when it does not come in time."""
        ...

    def reset(self) -> None:
        """Start over after a stall. Raises CameraStalled where the device is still not there."""
        ...

    def close(self) -> None:
        """Give the device back."""
        ...


class _Pace:
    """Lets a loop run `rate` times a second; a late turn is not made up for."""

    def __init__(self, rate: float, sleep: Callable[[float], None]) -> None:
        if not 0 < rate <= 1000:
            raise InvalidInput(f"rate is {rate} pictures/s, expected above 0 and at most 1000")
        self._period, self._sleep, self._due = 1 / rate, sleep, -np.inf

    def wait(self) -> None:
        now = time.monotonic()
        if self._due > now:
            self._sleep(self._due - now)
        self._due = max(self._due, now) + self._period


class FolderCamera:
    """The pictures of a folder in order of their names, over and over."""

    def __init__(
        self,
        folder: Path,
        rate: float = 30.0,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not folder.is_dir():
            raise InvalidInput(f"there is no folder of pictures at {folder}")
        self._files = sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file())
        if not self._files:
            raise InvalidInput(f"{folder} has no pictures ({', '.join(sorted(SUFFIXES))})")
        self._clock, self._pace, self._next = clock, _Pace(rate, sleep), 0

    def read(self) -> Frame:
        """The next picture. Raises InvalidInput, naming the file, if it is none or not whole."""
        self._pace.wait()
        file = self._files[self._next % len(self._files)]
        self._next += 1
        try:
            data = file.read_bytes()
        except OSError as error:
            raise InvalidInput(f"{file}: {error.strerror}") from error
        return Frame(decode_picture(data, str(file)), self._clock())

    def reset(self) -> None:
        """Begin with the first picture again."""
        self._next = 0

    def close(self) -> None:
        """There is nothing to give back."""


class VideoCamera:
    """A video file at a fixed rate (by default its own), over and over."""

    def __init__(
        self,
        file: Path,
        rate: float | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._file, self._clock = file, clock
        self._video = self._open()
        self._pace = _Pace(rate or self._video.get(cv2.CAP_PROP_FPS) or 30.0, sleep)

    def read(self) -> Frame:
        """The next picture. Raises CameraStalled if the file has none any more."""
        self._pace.wait()
        good, image = _grabbed(self._video)
        if not good:
            self.reset()
            good, image = _grabbed(self._video)
        if not good:
            raise CameraStalled(f"{self._file} has no pictures")
        return Frame(_rgb(image), self._clock())

    def reset(self) -> None:
        """Begin with the first picture again."""
        self._video.release()
        self._video = self._open()

    def close(self) -> None:
        """Close the file."""
        self._video.release()

    def _open(self) -> cv2.VideoCapture:
        video = cv2.VideoCapture(str(self._file))
        if not video.isOpened():
            raise InvalidInput(f"{self._file} is not a video that OpenCV can read")
        return video


class V4L2Camera:
    """A webcam or any other Video4Linux device. size: (height, width), px. timeout: s, for one picture."""

    def __init__(
        self,
        device: str = "/dev/video0",
        size: tuple[int, int] = (480, 640),
        rate: float = 30.0,
        timeout: float = 1.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._device, self._size, self._rate, self._timeout, self._clock = device, size, rate, timeout, clock
        self._capture = self._open()

    def read(self) -> Frame:
        """The next picture, stamped when it arrives: the driver does not pass its own stamp on."""
        good, image = _grabbed(self._capture)
        stamp = self._clock()
        if not good:
            raise CameraStalled(f"{self._device} gave no picture within {self._timeout} s")
        if image.shape[:2] != self._size:
            raise InvalidInput(
                f"{self._device} gives {image.shape[1]}x{image.shape[0]} px, asked for {self._size[1]}x{self._size[0]}"
            )
        return Frame(_rgb(image), stamp)

    def reset(self) -> None:
        """Open the device anew."""
        self._capture.release()
        self._capture = self._open()

    def close(self) -> None:
        """Give the device back."""
        self._capture.release()

    def _open(self) -> cv2.VideoCapture:
        options = [
            *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, int(1000 * self._timeout)),
            *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, int(1000 * self._timeout)),
        ]
        capture = cv2.VideoCapture(self._device, cv2.CAP_V4L2, options)
        if not capture.isOpened():
            raise CameraStalled(f"{self._device} cannot be opened: is it plugged in, and may this user read it?")
        height, width = self._size
        for name, value in ((cv2.CAP_PROP_FRAME_WIDTH, width), (cv2.CAP_PROP_FRAME_HEIGHT, height)):
            capture.set(name, value)
        capture.set(cv2.CAP_PROP_FPS, self._rate)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # the newest picture, not the oldest
        return capture


def _grabbed(capture: cv2.VideoCapture) -> tuple[bool, Any]:
    try:
        return capture.read()
    except cv2.error as error:
        raise InvalidInput(f"OpenCV cannot read the next picture: {error.err}") from error


def _rgb(image: Any) -> Image:
    try:
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)
    except cv2.error as error:
        raise InvalidInput(f"a picture of shape {np.shape(image)} that is not BGR: {error.err}") from error
