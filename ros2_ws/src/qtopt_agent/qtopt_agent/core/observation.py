"""What the agent sees at one instant."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.ranges import Range, convert_fields
from qtopt_agent.core.rotations import wrapped

Size = tuple[Annotated[int, Range(0, 10_000)], Annotated[int, Range(0, 10_000)]]
"""(height, width), px."""


MOVED = ("moved_x_m", "moved_y_m", "moved_z_m", "turned_rad")
"""What the last motion did as measured, in the hand's frame before it; 0 at first.

Tells a picture that is older than the state, and fingers that stand on something from fingers on their way down.
"""

MASK_SIZE = 8


def motion_between(before: NDArray[np.float64], after: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """The values of MOVED, from one pose of the hand to another: x, y, z, m, and yaw, rad [4]."""
    x, y, z, turned = (after - before).tolist()
    c, s = np.cos(before[3]), np.sin(before[3])
    return float(c * x + s * y), float(c * y - s * x), z, wrapped(turned)


@dataclass(frozen=True)
class ObservationSpec:
    """Shape of an observation. `image_size` is (0, 0) where there is no camera. Raises InvalidInput on other values."""

    image_size: Size
    state_names: tuple[str, ...]

    def __post_init__(self) -> None:
        convert_fields(self)
        if any(self.image_size) != all(self.image_size):
            raise InvalidInput(f"image_size is {self.image_size}, expected two numbers above 0, or (0, 0)")
        if len(set(self.state_names)) < len(self.state_names):
            raise InvalidInput(f"state_names are {', '.join(self.state_names)}, expected each once")

    @property
    def state_size(self) -> int:
        """Length of the state vector."""
        return len(self.state_names)


@dataclass(frozen=True)
class Observation:
    """One observation.

    image: uint8 [H, W, 3] RGB. state: float32 [S], named and scaled by the profile. stamp: capture time, s.
    privileged: float32 [P], known in simulation only and never shown to a policy.
    mask: uint8 [MASK_SIZE, MASK_SIZE], likewise: how much of each part of the picture shows objects, 255 for all of it.
    """

    image: NDArray[np.uint8]
    state: NDArray[np.float32]
    stamp: float
    privileged: NDArray[np.float32] | None = None
    mask: NDArray[np.uint8] | None = None

    def validate(self, spec: ObservationSpec) -> None:
        """Raise InvalidInput, naming the part at fault, unless this observation fits `spec`."""
        expected = (*spec.image_size, 3)
        if self.image.dtype != np.uint8 or self.image.shape != expected:
            raise InvalidInput(f"image is {self.image.dtype} {list(self.image.shape)}, expected uint8 {list(expected)}")
        if self.state.dtype != np.float32 or self.state.shape != (spec.state_size,):
            raise InvalidInput(
                f"state is {self.state.dtype} {list(self.state.shape)}, expected float32 [{spec.state_size}]"
            )
        if not np.isfinite(self.state).all():
            bad = [name for name, value in zip(spec.state_names, self.state, strict=True) if not np.isfinite(value)]
            raise InvalidInput(f"state has values that are not finite: {', '.join(bad)}")
