"""The one way from a camera's bytes to a model's image, for live messages and logged ones alike."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.profile import Profile

Image = NDArray[np.uint8]

_CHANNELS = {"rgb8": 3, "bgr8": 3, "mono8": 1, "rgba8": 4, "bgra8": 4}
_TO_RGB = {
    "bgr8": cv2.COLOR_BGR2RGB,
    "mono8": cv2.COLOR_GRAY2RGB,
    "rgba8": cv2.COLOR_RGBA2RGB,
    "bgra8": cv2.COLOR_BGRA2RGB,
}


@dataclass(frozen=True)
class RawImage:
    """The fields of sensor_msgs/Image. data: rows of `step` bytes each; height, width: px."""

    data: bytes | memoryview | Image
    encoding: str
    height: int
    width: int
    step: int


@dataclass(frozen=True)
class IngestSpec:
    """size: (height, width), px, of the model's image. crop: (height, width), px, cut out of the middle first.

    Without `crop`, the largest part with the proportions of `size` is cut out.
    """

    size: tuple[int, int]
    crop: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if min(self.size) < 1 or (self.crop is not None and min(self.crop) < 1):
            raise InvalidInput(f"image size {self.size}, crop {self.crop}: expected at least 1 px")


def ingest_spec(profile: Profile) -> IngestSpec:
    """How images come to the size of `profile`.

    The paper cuts 472x472 out of 512x640 without scaling (Kalashnikov et al. 2018, appendix); other profiles see the
    largest square, averaged. Raises InvalidInput for a profile without a camera.
    """
    size = profile.observation.image_size
    if min(size) < 1:
        raise InvalidInput(f"profile {profile.name} has no camera")
    return IngestSpec(size, size if profile.name == "paper" else None)


def decode(raw: RawImage) -> Image:
    """`raw` as uint8 [H, W, 3] RGB; rows may be padded. Raises InvalidInput, naming encoding or size."""
    channels = _CHANNELS.get(raw.encoding)
    if channels is None:
        raise InvalidInput(f"image encoding is {raw.encoding!r}, expected one of {', '.join(_CHANNELS)}")
    used = raw.width * channels
    if raw.height < 1 or raw.width < 1 or raw.step < used:
        raise InvalidInput(f"image is {raw.width}x{raw.height} {raw.encoding} with rows of {raw.step} bytes")
    data = np.frombuffer(raw.data, dtype=np.uint8)
    if data.size != raw.step * raw.height:
        raise InvalidInput(f"image has {data.size} bytes, expected {raw.height} rows of {raw.step}")
    pixels = data.reshape(raw.height, raw.step)[:, :used].reshape(raw.height, raw.width, channels)
    if raw.encoding == "rgb8":
        return pixels
    try:
        return np.asarray(cv2.cvtColor(pixels, _TO_RGB[raw.encoding]), dtype=np.uint8)
    except cv2.error as error:
        raise InvalidInput(f"image of {raw.width}x{raw.height} {raw.encoding}: {error.err}") from error


def fit(image: Image, spec: IngestSpec) -> Image:
    """The middle of uint8 [H, W, 3], area-averaged to uint8 [*spec.size, 3]. Raises InvalidInput if it is too small."""
    height, width = image.shape[:2]
    rows, columns = spec.crop or _largest(height, width, spec.size)
    if rows > height or columns > width or rows < spec.size[0] or columns < spec.size[1]:
        least = spec.crop or spec.size
        raise InvalidInput(f"image is {width}x{height} px, expected at least {least[1]}x{least[0]}")
    top, left = (height - rows) // 2, (width - columns) // 2
    part = image[top : top + rows, left : left + columns]
    if part.shape[:2] == spec.size:
        return np.ascontiguousarray(part)
    try:
        return np.asarray(cv2.resize(part, spec.size[::-1], interpolation=cv2.INTER_AREA), dtype=np.uint8)
    except cv2.error as error:
        raise InvalidInput(f"image is {width}x{height} px, which cannot be made smaller: {error.err}") from error


def ingest_image(raw: RawImage, spec: IngestSpec) -> Image:
    """The model's image, uint8 [*spec.size, 3] RGB. Raises InvalidInput as `decode` and `fit` do."""
    return fit(decode(raw), spec)


def _largest(height: int, width: int, size: tuple[int, int]) -> tuple[int, int]:
    scale = min(height / size[0], width / size[1])
    return int(size[0] * scale + 1e-9), int(size[1] * scale + 1e-9)
