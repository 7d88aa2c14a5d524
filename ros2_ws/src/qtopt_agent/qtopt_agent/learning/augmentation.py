"""Random crops and colours of the pictures that are learned from, as in Kalashnikov et al. 2018, appendix."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.profile import Profile
from qtopt_agent.learning.settings import AugmentationSettings
from qtopt_agent.perception.ingest import Image, cut
from qtopt_agent.replay.batch import Batch, Sequences

Matrix = NDArray[np.float64]

# Brightness and two of colour, of red, green and blue: NTSC's YIQ, in which hue is an angle and saturation a length.
_YIQ = np.array([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
_RGB = np.linalg.inv(_YIQ)


class Augmentation:
    """Makes what the network learns from of what the replay keeps.

    s is cut out at random and its colours change; s', whose value is the target, is what the policy would see: the
    cell's crop, unchanged.
    """

    def __init__(self, settings: AugmentationSettings, profile: Profile) -> None:
        self._settings, self._size = settings, profile.observation.image_size
        camera = profile.cell.camera
        self._frame = camera.height, camera.width
        self._window = camera.window(self._size) if settings.random_crop else None
        chosen = settings.random_brightness, settings.random_contrast, settings.random_saturation, settings.random_hue
        self._colours = any(chosen)

    def batch(self, batch: Batch, rng: np.random.Generator) -> Batch:
        """`batch` with pictures uint8 [B, *image_size, 3] in place of those kept; `rng` draws what varies."""
        images = [self._varied(image, rng) for image in batch.image] if self._window or self._colours else None
        return batch._replace(
            image=batch.image if images is None else np.stack(images), next_image=self._unchanged(batch.next_image)
        )

    def sequences(self, sequences: Sequences) -> Sequences:
        """`sequences` with pictures as the policy sees them: all that is learned from them are targets."""
        return sequences._replace(image=self._unchanged(sequences.image))

    def _unchanged(self, frames: Image) -> Image:
        if self._window is None:
            return frames
        flat = frames.reshape(-1, *frames.shape[-3:])
        return np.stack([cut(frame, self._window, self._size) for frame in flat]).reshape(
            *frames.shape[:-3], *self._size, 3
        )

    def _varied(self, frame: Image, rng: np.random.Generator) -> Image:
        if self._window is not None:
            _, _, columns, rows = self._window
            top, left = rng.integers(self._frame[0] - rows + 1), rng.integers(self._frame[1] - columns + 1)
            frame = cut(frame, (int(left), int(top), columns, rows), self._size)
        if not self._colours:
            return frame
        s = self._settings
        brightness, contrast, saturation, hue = rng.uniform(-1, 1, 4) * (
            s.random_brightness, s.random_contrast, s.random_saturation, s.random_hue,
        )  # fmt: skip
        return recoloured(frame, brightness, 1 + contrast, 1 + saturation, hue)


def recoloured(image: Image, brightness: float, contrast: float, saturation: float, hue: float) -> Image:
    """`image` uint8 [H, W, 3] RGB in other colours, cut off at 0 and 255.

    brightness: added, share of the full range. contrast: factor of each colour's distance from its mean over the
    picture. saturation: factor. hue: share of the circle that colours are turned by, in YIQ. All of it together is one
    affine map of colours, so it costs one pass.
    """
    turn = 2 * math.pi * hue
    chroma = saturation * np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    colours = _YIQ.copy()
    colours[1:] = chroma @ colours[1:]
    matrix: Matrix = _RGB @ colours
    mean = matrix @ np.array(cv2.mean(image)[:3])
    shift = mean * (1 - contrast) + 255 * brightness
    return np.asarray(cv2.transform(image, np.column_stack([contrast * matrix, shift])), np.uint8)
