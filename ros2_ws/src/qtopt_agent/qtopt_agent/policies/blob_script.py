"""A script that looks: it goes for what stands out from the floor of the bin."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.action import Action
from qtopt_agent.core.observation import Observation
from qtopt_agent.core.profile import Profile
from qtopt_agent.policies.bin_view import BinView, Blob
from qtopt_agent.policies.script import Script, motion

_NEAR = 0.05  # m between where a blob was and where it is seen next
_HOVER = 0.08  # m above the floor, where it turns and looks again before it goes down
_LOOKS = 0.12  # m above the floor, from which on a bin is to be seen
_SEARCH = 0.05  # m that it moves to see something else
_ROUND = 1.25  # a blob that is less longer than wide has no narrow side


class BlobScript(Script):
    """Its floor's colours are those that are common in the attempt's first picture, so no empty bin has to be shown."""

    name = "blobs"

    def __init__(self, profile: Profile) -> None:
        """Raises InvalidInput where the cell's camera is not on the hand."""
        super().__init__(profile)
        self._view = BinView(profile.cell, profile.observation.image_size)
        self._floor: NDArray[np.float32] = np.zeros((0, 3), np.float32)

    def _next(self, observation: Observation, state: Mapping[str, float], rng: np.random.Generator) -> Action:
        if state["steps_done"] == 0:
            self._floor = self._view.colours(observation.image)
        height = state["height_m"]
        self._look(self._view.blobs(observation.image, height, self._floor))
        if self._place is None:
            x, y = rng.uniform(-_SEARCH, _SEARCH, 2)
            return motion(x, y, max(0.0, _LOOKS - height))
        return self._reach(state, self._place, _HOVER)

    def _look(self, blobs: list[Blob]) -> None:
        """Set the place to grasp to that of the nearest blob; or leave it, where nothing is seen near to it."""
        if self._place is not None:
            x, y, _ = self._place
            blobs = [blob for blob in blobs if blob.whole and np.hypot(blob.x - x, blob.y - y) < _NEAR]
        else:
            x = y = 0.0
        if blobs:
            best = min(blobs, key=lambda blob: (not blob.whole, np.hypot(blob.x - x, blob.y - y)))
            self._place = best.x, best.y, self._turn(best)

    def _turn(self, blob: Blob) -> float:
        """The jaw closes along x: how far to turn until the blob's long side lies along y, rad."""
        if blob.length < _ROUND * blob.width:
            return 0.0
        return float(blob.angle % np.pi - np.pi / 2)
