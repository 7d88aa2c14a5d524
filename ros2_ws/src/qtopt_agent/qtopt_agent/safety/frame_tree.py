"""Frames and how they stand to one another, as /tf tells it: a tree, of which the newest transforms count."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.rotations import matrix_of, quaternion_of

Array = NDArray[np.float64]


@dataclass(frozen=True)
class FramePose:
    """A frame in another: position [3], m, and axes as columns [3, 3]. stamp: s, infinite where nothing moves."""

    position: Array
    turn: Array
    stamp: float

    def then(self, other: "FramePose") -> "FramePose":
        """Where `other`, told in this frame, is in this frame's parent; as old as the older of the two."""
        place = self.position + self.turn @ other.position
        return FramePose(place, self.turn @ other.turn, min(self.stamp, other.stamp))

    def back(self) -> "FramePose":
        """The parent in this frame."""
        return FramePose(-self.turn.T @ self.position, self.turn.T, self.stamp)

    @property
    def orientation(self) -> Array:
        """x, y, z, w."""
        return quaternion_of(self.turn)


class FrameTree:
    """Of each frame, its newest pose in its parent's. Names with a leading slash are those without."""

    def __init__(self) -> None:
        self._poses: dict[str, tuple[str, FramePose]] = {}

    def hear(self, parent: str, child: str, position: Sequence[Any], orientation: Sequence[Any], stamp: float) -> None:
        """`child` is at `position` [3], m, in `parent`, turned by `orientation` x, y, z, w, at `stamp`, s.

        stamp: infinite for one that does not move. Raises InvalidInput unless all are numbers, and the stamp not NaN.
        """
        sound = np.isfinite([*position, *orientation]).all() and np.linalg.norm(orientation) > 0.5
        if not sound or np.isnan(stamp):
            raise InvalidInput(
                f"transform of {child} is {[*position]}, {[*orientation]} at {stamp} s: expected numbers"
            )
        pose = FramePose(np.array(position, dtype=np.float64), matrix_of(orientation), stamp)
        self._poses[child.lstrip("/")] = parent.lstrip("/"), pose

    def knows(self, child: str) -> bool:
        """Whether anybody has told where `child` is."""
        return child.lstrip("/") in self._poses

    def joins(self, one: str, other: str) -> bool:
        """Whether transforms lead from one to the other."""
        return not self._way_up(one.lstrip("/")).keys().isdisjoint(self._way_up(other.lstrip("/")))

    def root(self, frame: str) -> str:
        """The farthest ancestor of `frame`: itself where nobody has told where it is."""
        return list(self._way_up(frame.lstrip("/")))[-1]

    def pose(self, base: str, frame: str) -> FramePose:
        """`frame` in `base`. Raises InvalidInput where no chain of transforms leads from one to the other."""
        ways = [self._way_up(name.lstrip("/")) for name in (frame, base)]
        shared = next((name for name in ways[0] if name in ways[1]), None)
        if shared is None:
            known = ", ".join(sorted({*self._poses, *(parent for parent, _ in self._poses.values())})) or "nothing"
            raise InvalidInput(f"no transforms lead from {base} to {frame}; /tf tells of {known}")
        return ways[1][shared].back().then(ways[0][shared])

    def _way_up(self, frame: str) -> dict[str, FramePose]:
        """`frame` in each of its ancestors, nearest first, itself included."""
        here = FramePose(np.zeros(3), np.eye(3), np.inf)
        found = {frame: here}
        while frame in self._poses:
            frame, pose = self._poses[frame]
            if frame in found:
                break  # a ring, which is no tree
            here = found[frame] = pose.then(here)
        return found
