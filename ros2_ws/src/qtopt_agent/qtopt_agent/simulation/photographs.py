"""What a lens, a sensor and a compressor make of a picture."""

import io
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.looks import Looks

Image = NDArray[np.uint8]
_GREY = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # of red, green, blue


@dataclass(frozen=True)
class Photograph:
    """How pictures are taken; units as in Looks. jpeg: quality, 0 where they are not compressed."""

    exposure: float = 0.0
    warmth: float = 0.0
    saturation: float = 1.0
    pixel_noise: float = 0.0
    blur: float = 0.0
    jpeg: int = 0

    @staticmethod
    def draw(looks: Looks, rng: np.random.Generator) -> "Photograph":
        """One of those that there may be."""
        return Photograph(
            rng.uniform(*looks.exposure),
            rng.uniform(*looks.warmth),
            rng.uniform(*looks.saturation),
            rng.uniform(*looks.pixel_noise),
            rng.uniform(*looks.blur),
            int(rng.integers(*looks.jpeg_quality, endpoint=True)) * int(rng.random() < looks.jpeg),
        )

    def take(self, picture: Image, noise: NDArray[np.float32]) -> Image:
        """`picture`, uint8 [H, W, 3], as it comes out; `noise` [H, W, 3] of deviation 1."""
        if self == Photograph():
            return picture
        seen = picture.astype(np.float32)
        if self.blur > 0.05:  # less is felt nowhere
            seen = _blurred(seen, self.blur)
        gains = np.exp([self.warmth, 0.0, -self.warmth]) * 2.0**self.exposure
        mixed = (1 - self.saturation) * _GREY + self.saturation * np.eye(3)
        seen = seen @ (mixed * gains[:, None]).T.astype(np.float32)
        if self.pixel_noise:
            seen += np.float32(self.pixel_noise) * noise
        taken = np.clip(seen + 0.5, 0, 255).astype(np.uint8)
        return _compressed(taken, self.jpeg) if self.jpeg else taken


def _blurred(picture: NDArray[np.float32], deviation: float) -> NDArray[np.float32]:
    """Under a Gaussian of `deviation` px; the border goes on as it is."""
    for _ in range(2):  # along the first axis, which becomes the second
        size, other, _ = picture.shape
        lines = _kernel(size, deviation) @ picture.reshape(size, -1)
        picture = lines.reshape(size, other, 3).transpose(1, 0, 2)
    return picture


@lru_cache(maxsize=2)
def _kernel(size: int, deviation: float) -> NDArray[np.float32]:
    """[size, size]: how much each pixel of a line has of each."""
    reach = int(4 * deviation) + 1
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    kernel = np.zeros((size, size))
    rows = np.arange(size)
    for offset, weight in zip(range(-reach, reach + 1), weights / weights.sum(), strict=True):
        np.add.at(kernel, (rows, np.clip(rows + offset, 0, size - 1)), weight)
    return kernel.astype(np.float32)


def _compressed(picture: Image, quality: int) -> Image:
    from PIL import Image  # plain pictures do without

    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    with Image.open(file, formats=["JPEG"]) as read:
        return np.array(read)  # which may be written to
