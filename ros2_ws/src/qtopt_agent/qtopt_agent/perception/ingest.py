"""The one way from a camera's bytes to a model's image, for live messages and logged ones alike."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.cell import Camera
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.printable import printable
from qtopt_agent.core.profile import Profile
from qtopt_agent.perception.pictures import decode_picture

Image = NDArray[np.uint8]


class _Format(NamedTuple):
    """How a pixel is stored: values, bytes of each, and OpenCV's conversion to RGB; None where it is RGB."""

    values: int
    size: int
    to_rgb: int | None


# Names as in sensor_msgs/image_encodings.hpp: those of colours, and those from which there is a way to colours.
_COLOURS = {
    "rgb": (3, None),
    "bgr": (3, cv2.COLOR_BGR2RGB),
    "rgba": (4, cv2.COLOR_RGBA2RGB),
    "bgra": (4, cv2.COLOR_BGRA2RGB),
    "mono": (1, cv2.COLOR_GRAY2RGB),
    "bayer_rggb": (1, cv2.COLOR_BayerBG2RGB),  # OpenCV names the second row's second and third pixel
    "bayer_bggr": (1, cv2.COLOR_BayerRG2RGB),
    "bayer_gbrg": (1, cv2.COLOR_BayerGR2RGB),
    "bayer_grbg": (1, cv2.COLOR_BayerGB2RGB),
}
FORMATS = {
    **{f"{name}{8 * size}": _Format(n, size, code) for name, (n, code) in _COLOURS.items() for size in (1, 2)},
    "yuv422": _Format(2, 1, cv2.COLOR_YUV2RGB_UYVY),
    "uyvy": _Format(2, 1, cv2.COLOR_YUV2RGB_UYVY),
    "yuv422_yuy2": _Format(2, 1, cv2.COLOR_YUV2RGB_YUY2),
    "yuyv": _Format(2, 1, cv2.COLOR_YUV2RGB_YUY2),
}
COMPRESSED = "compressed"  # of sensor_msgs/CompressedImage: JPEG or PNG


@dataclass(frozen=True)
class RawImage:
    """The fields of sensor_msgs/Image. data: rows of `step` bytes each; height, width: px.

    Where the encoding is COMPRESSED, data is a whole JPEG or PNG and the numbers mean nothing.
    """

    data: bytes | memoryview | Image
    encoding: str
    height: int = 0
    width: int = 0
    step: int = 0
    big_endian: bool = False


@dataclass(frozen=True)
class IngestSpec:
    """size: (height, width), px, of the model's image. camera: the cell's, whose crop is cut out and lens undone.

    Without a camera, or where that has neither, the largest middle part with the proportions of `size` is cut out of
    pictures of any size. Pictures that have `size` already pass as they are: simulators give and record such.
    """

    size: tuple[int, int]
    camera: Camera | None = None

    def __post_init__(self) -> None:
        if min(self.size) < 1:
            raise InvalidInput(f"image size {self.size}: expected at least 1 px")

    @property
    def wants_stream(self) -> bool:
        """Whether pictures have to have the size of the cell's stream."""
        return self.camera is not None and bool(self.camera.crop or any(self.camera.distortion))


def ingest_spec(profile: Profile) -> IngestSpec:
    """How images come to the size of `profile`. Raises InvalidInput for a profile without a camera."""
    if not profile.has_camera:
        raise InvalidInput(f"profile {profile.name} has no camera")
    return IngestSpec(profile.observation.image_size, profile.cell.camera)


def decode(raw: RawImage) -> Image:
    """`raw` as uint8 [H, W, 3] RGB, 16 bits scaled to 8; rows may be padded. Raises InvalidInput as `stored` does."""
    if raw.encoding == COMPRESSED:
        return decode_picture(bytes(raw.data), "image")
    pixels, code = stored(raw), FORMATS[raw.encoding].to_rgb
    try:
        colours = pixels if code is None else cv2.cvtColor(pixels, code)
    except cv2.error as error:
        raise InvalidInput(f"image is {raw.width}x{raw.height} {raw.encoding}: {error}") from error
    if colours.dtype == np.uint16:
        colours = (colours.astype(np.uint32) + 128) // 257  # 65535 becomes 255
    return np.asarray(colours, dtype=np.uint8)


def stored(raw: RawImage) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """The values of an uncompressed `raw`, [H, W, values of a pixel]. Raises InvalidInput, naming encoding or size."""
    if raw.encoding not in FORMATS:
        raise InvalidInput(f"image encoding is {printable(raw.encoding)!r}, expected one of {', '.join(FORMATS)}")
    values, size, _ = FORMATS[raw.encoding]
    used = raw.width * values * size
    if raw.height < 1 or raw.width < 1 or raw.step < used:
        raise InvalidInput(f"image is {raw.width}x{raw.height} {raw.encoding} with rows of {raw.step} bytes")
    data = np.frombuffer(raw.data, dtype=np.uint8)
    if data.size != raw.step * raw.height:
        raise InvalidInput(f"image has {data.size} bytes, expected {raw.height} rows of {raw.step}")
    rows = data.reshape(raw.height, raw.step)[:, :used]
    if size == 2:
        order = ">u2" if raw.big_endian else "<u2"
        rows = np.ascontiguousarray(rows).view(order).astype(np.uint16)
    return rows.reshape(raw.height, raw.width, values)


def fit(image: Image, spec: IngestSpec) -> Image:
    """What the model sees of uint8 [H, W, 3], area-averaged to uint8 [*spec.size, 3].

    Raises InvalidInput where it is too small, or not of the size that the cell's camera gives.
    """
    height, width = image.shape[:2]
    if (height, width) == spec.size:
        return np.ascontiguousarray(image)
    if spec.camera is not None and spec.wants_stream:
        image = undistorted(image, spec.camera)
        left, top, columns, rows = spec.camera.window(spec.size)
    else:
        rows, columns = _largest(height, width, spec.size)
        top, left = (height - rows) // 2, (width - columns) // 2
    if rows < spec.size[0] or columns < spec.size[1]:
        raise InvalidInput(f"image is {width}x{height} px, expected at least {spec.size[1]}x{spec.size[0]}")
    try:
        return cut(image, (left, top, columns, rows), spec.size)
    except cv2.error as error:
        raise InvalidInput(f"image is {width}x{height} px, which cannot be made smaller: {error.err}") from error


def cut(image: Image, window: tuple[int, int, int, int], size: tuple[int, int]) -> Image:
    """The part of `image` in `window` (left, top, width, height), px, area-averaged to uint8 [*size, 3]."""
    left, top, columns, rows = window
    part = image[top : top + rows, left : left + columns]
    if part.shape[:2] == size:
        return np.ascontiguousarray(part)
    return np.asarray(cv2.resize(part, size[::-1], interpolation=cv2.INTER_AREA), dtype=np.uint8)


def undistorted(image: Image, camera: Camera) -> Image:
    """The picture that `camera` would give without its lens. Raises InvalidInput on a picture of another size."""
    height, width = image.shape[:2]
    if (width, height) != (camera.width, camera.height):
        raise InvalidInput(
            f"image is {width}x{height} px, expected {camera.width}x{camera.height} as the cell's camera gives it"
        )
    if not any(camera.distortion):
        return image
    return np.asarray(cv2.remap(image, *_straight(camera), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8)


@lru_cache(maxsize=4)
def _straight(camera: Camera) -> tuple[Any, Any]:
    """Where in the picture each pixel of the one without a lens is, as cv2.remap takes it."""
    size, lens = (camera.width, camera.height), np.array(camera.distortion)
    return cv2.initUndistortRectifyMap(camera.matrix, lens, None, camera.matrix, size, cv2.CV_16SC2)


def ingest_image(raw: RawImage, spec: IngestSpec) -> Image:
    """The model's image, uint8 [*spec.size, 3] RGB. Raises InvalidInput as `decode` and `fit` do."""
    return fit(decode(raw), spec)


def _largest(height: int, width: int, size: tuple[int, int]) -> tuple[int, int]:
    scale = min(height / size[0], width / size[1])
    return int(size[0] * scale + 1e-9), int(size[1] * scale + 1e-9)
