"""Whether a grasp has succeeded: from the jaw after closing, and from the bin before and after the drop.

The second is the label of Kalashnikov et al. 2018, section 5: the closed gripper is carried out of view, the bin is
photographed, the jaw opens over it, and the bin is photographed again. A difference is an object that fell.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.errors import InvalidInput

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Verdict:
    """confidence: 0.5 (a guess) to 1. reason: the measurement behind it, in words."""

    success: bool
    confidence: float
    reason: str


@dataclass(frozen=True)
class SuccessSettings:
    """Thresholds of one gripper and one view of the bin.

    region: where the bin is in the picture: (left, top, right, bottom) as fractions 0..1 of its width and height.
    """

    empty_aperture: float = 0.003  # m: a jaw that closes further holds nothing
    open_aperture: float = 0.080  # m: a jaw that is wider has not closed
    holding_effort: float = 2.0  # N: a jaw that presses less holds nothing
    region: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    difference: float = 13.0  # in CIELAB units, after smoothing, above which a pixel has changed
    area: float = 0.002  # of the region: the smallest patch of changed pixels that is an object

    def __post_init__(self) -> None:
        left, top, right, bottom = self.region
        if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
            raise InvalidInput(f"region is {self.region}, expected left < right and top < bottom within 0..1")
        if not 0 <= self.empty_aperture < self.open_aperture:
            raise InvalidInput(f"apertures {self.empty_aperture} .. {self.open_aperture} m: expected empty below open")
        if not (self.difference > 0 and 0 < self.area < 1):
            raise InvalidInput(f"difference {self.difference}, area {self.area}: expected > 0 and a fraction")


class SuccessDetector:
    """Judges by what it is given: jaw, pictures or both."""

    def __init__(self, settings: SuccessSettings) -> None:
        self._settings = settings

    def judge(
        self,
        aperture: float,
        effort: float = np.nan,
        before: Image | None = None,
        after: Image | None = None,
        *,
        closed: bool = True,
    ) -> Verdict:
        """Both measurements together; where they differ, the surer one counts, and is less sure for it.

        aperture: m, after closing and lifting. effort: N, NaN where it is not measured. before, after: as `by_images`.
        closed: whether the jaw was told to close; else it holds nothing, whatever presses it together. Raises
        InvalidInput as the two others do.
        """
        jaw = self.by_jaw(aperture, effort)
        if not closed:
            return Verdict(False, 1.0, f"{jaw.reason}, and not told to close")
        if before is None or after is None:
            return jaw
        seen = self.by_images(before, after)
        reason = f"{seen.reason}; {jaw.reason}"
        surer = max(seen, jaw, key=lambda verdict: verdict.confidence)  # the pictures where both are as sure
        if seen.success == jaw.success:
            return Verdict(seen.success, 1 - 2 * (1 - seen.confidence) * (1 - jaw.confidence), reason)
        return Verdict(surer.success, 0.5 + abs(seen.confidence - jaw.confidence) / 2, f"{reason}; they disagree")

    def by_jaw(self, aperture: float, effort: float = np.nan) -> Verdict:
        """Something keeps the jaw from closing. Raises InvalidInput unless `aperture`, m, is finite."""
        s = self._settings
        if not np.isfinite(aperture):
            raise InvalidInput(f"aperture is {aperture}, expected a number of m")
        inside = min(aperture - s.empty_aperture, s.open_aperture - aperture)
        sure = 0.5 + 0.5 * min(1.0, abs(inside) / max(s.empty_aperture, 1e-6))
        text = f"jaw {1000 * aperture:.1f} mm open"
        if inside > 0 and effort < s.holding_effort:  # NaN is not below
            return Verdict(False, sure, f"{text}, pressing with only {effort:.1f} N")
        return Verdict(inside > 0, sure, text)

    def by_images(self, before: Image, after: Image) -> Verdict:
        """The bin, uint8 [H, W, 3] RGB, with the closed gripper away, and after it was opened over the bin.

        Raises InvalidInput unless both are pictures of one size.
        """
        for name, image in (("before", before), ("after", after)):
            if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.shape != before.shape:
                raise InvalidInput(
                    f"image {name} is {image.dtype} {list(image.shape)}, expected uint8 [H, W, 3], alike"
                )
        one, other = self._bin(before), self._bin(after)
        changed = _difference(one, other) > self._settings.difference
        patch = _largest_patch(changed) / changed.size
        ratio = patch / self._settings.area
        sure = 0.5 + 0.5 * min(1.0, abs(np.log2(max(ratio, 1e-3))) / 2)  # 4 times over or under is sure
        return Verdict(ratio >= 1, float(sure), f"a patch of {100 * patch:.2f} % of the bin has changed")

    def _bin(self, image: Image) -> Image:
        height, width = image.shape[:2]
        left, top, right, bottom = self._settings.region
        return image[round(top * height) : round(bottom * height), round(left * width) : round(right * width)]


def _difference(before: Image, after: Image) -> NDArray[np.float32]:
    """Distance of colours, [H, W], once the light of `after` is brought to that of `before`."""
    kernel = 2 * round(before.shape[0] / 120) + 3  # px: a small part of an object
    one = cv2.GaussianBlur(before, (kernel, kernel), 0).astype(np.float32)
    other = cv2.GaussianBlur(after, (kernel, kernel), 0).astype(np.float32)
    # An object is a small part of the bin, so the median ratio of each channel is the light's.
    gain = np.median((one + 8) / (other + 8), axis=(0, 1)).astype(np.float32)
    other = np.clip((other + 8) * gain - 8, 0, 255)
    lab = [cv2.cvtColor((image / 255).astype(np.float32), cv2.COLOR_RGB2LAB) for image in (one, other)]
    apart = (lab[0] - lab[1]) * np.array([0.6, 1, 1], dtype=np.float32)  # a shadow changes lightness more than colour
    return np.asarray(np.sqrt((apart**2).sum(-1)), dtype=np.float32)


def _largest_patch(changed: NDArray[np.bool_]) -> int:
    """Size in px of the largest connected patch."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(changed.astype(np.uint8), connectivity=4)
    return int(stats[1:, cv2.CC_STAT_AREA].max(initial=0))
