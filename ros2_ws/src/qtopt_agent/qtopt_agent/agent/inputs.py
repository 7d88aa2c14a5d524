"""The newest picture and the state that belongs to it, or why there is none to decide from."""

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVarTuple

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.errors import InvalidInput, QtoptError
from qtopt_agent.core.observation import MOVED, Observation, motion_between
from qtopt_agent.core.profile import Profile
from qtopt_agent.perception.ingest import RawImage, ingest_image, ingest_spec
from qtopt_agent.safety.motion import Pose

Values = TypeVarTuple("Values")
KNOWN = ("aperture_m", "height_m", "closed", "steps_done", *MOVED)
HISTORY = 200  # gripper and pose messages kept: 1 s at 200 Hz


class NotReady(QtoptError):
    """The inputs do not make an observation now; the text says why."""


@dataclass(frozen=True)
class InputLimits:
    """image_age: s from capture to decision. mismatch: s between the capture of the image and of the state."""

    image_age: float = 0.3
    mismatch: float = 0.05

    def __post_init__(self) -> None:
        if not (0 < self.image_age < np.inf and 0 < self.mismatch < np.inf):
            raise InvalidInput(f"limits {self.image_age} s, {self.mismatch} s: expected finite and above 0")


class AgentInputs:
    """Messages go in from any thread, an Observation of `profile` comes out. Stamps are s of the stamping clock."""

    def __init__(self, profile: Profile, limits: InputLimits) -> None:
        unknown = set(profile.observation.state_names) - set(KNOWN)
        if unknown:
            raise InvalidInput(f"profile {profile.name} needs {', '.join(sorted(unknown))}, which nothing measures")
        self._profile, self._limits = profile, limits
        self._spec = ingest_spec(profile)
        self._lock = threading.Lock()
        self._image: tuple[RawImage, float] | None = None
        self._size: tuple[int, int] | None = None
        self._jaw: deque[tuple[float, float, float]] = deque(maxlen=HISTORY)
        self._tips: deque[tuple[float, NDArray[np.float64]]] = deque(maxlen=HISTORY)
        self._before: NDArray[np.float64] | None = None  # at the last observation of this attempt

    def image(self, raw: RawImage, stamp: float) -> None:
        """A picture has come. It replaces the last one, used or not."""
        with self._lock:
            self._image = raw, stamp

    def gripper(self, aperture: float, closed: bool, stamp: float) -> None:
        """The jaw is `aperture` m open, and its last command was to close or not."""
        with self._lock:
            self._jaw.append((stamp, aperture, float(closed)))

    def tips(self, tips: Pose, stamp: float) -> None:
        """The finger tips are there; z is above the floor of the bin."""
        with self._lock:
            self._tips.append((stamp, np.array([*tips.position, tips.yaw])))

    def aperture(self, clock: float) -> float | None:
        """How far the jaw is open now, m; None where that is not known."""
        with self._lock:
            if not self._jaw:
                return None
            stamp, aperture, _ = self._jaw[-1]
        return aperture if abs(clock - stamp) <= self._limits.image_age else None

    def begin(self) -> None:
        """Begin an attempt: its first picture sets the size that all must have, and the hand has not moved yet."""
        self._size = self._before = None

    def observe(self, clock: float, not_before: float, steps_done: float) -> Observation:
        """The observation now. steps_done: 0..1 of the step limit. What was moved is counted from the last one.

        Raises NotReady unless the newest picture was taken after `not_before`, is young enough, has the size of the
        first, and there is a state of the same moment, of finite numbers.
        """
        with self._lock:
            image, jaw, poses = self._image, list(self._jaw), list(self._tips)
        if image is None:
            raise NotReady("no image has come")
        raw, stamp = image
        if stamp <= not_before:
            raise NotReady("no image has come since the last motion ended")
        if not -self._limits.image_age <= clock - stamp <= self._limits.image_age:
            raise NotReady(f"the image is {clock - stamp:.3f} s old, the limit is {self._limits.image_age} s")
        if self._size is not None and (raw.height, raw.width) != self._size:
            raise NotReady(f"the image became {raw.width}x{raw.height} px, it was {self._size[1]}x{self._size[0]}")
        _, aperture, closed = self._nearest("gripper state", jaw, stamp)
        _, tips = self._nearest("pose", poses, stamp)
        known = {"aperture_m": aperture, "height_m": tips[2], "closed": closed, "steps_done": steps_done}
        known |= zip(MOVED, motion_between(tips if self._before is None else self._before, tips), strict=True)
        state = np.array([known[name] for name in self._profile.observation.state_names], dtype=np.float32)
        try:
            observation = Observation(ingest_image(raw, self._spec), state, stamp)
            observation.validate(self._profile.observation)
        except InvalidInput as error:
            raise NotReady(str(error)) from error
        self._size, self._before = (raw.height, raw.width), tips
        return observation

    def _nearest(self, name: str, history: Sequence[tuple[float, *Values]], stamp: float) -> tuple[float, *Values]:
        if not history:
            raise NotReady(f"no {name} has come")
        best = min(history, key=lambda entry: abs(entry[0] - stamp))
        apart = abs(best[0] - stamp)
        if not apart <= self._limits.mismatch:
            raise NotReady(
                f"the nearest {name} is {apart:.3f} s from the image, the limit is {self._limits.mismatch} s"
            )
        return best
