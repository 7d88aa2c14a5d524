"""A camera as its driver gives it: the whole stream, in its full size, noisy, and some time after it was taken."""

from collections import deque
from dataclasses import replace

import numpy as np

from qtopt_agent.core.cell import Cell
from qtopt_agent.core.cell_boxes import camera_in_palm
from qtopt_agent.simulation import scene
from qtopt_agent.simulation.photographs import Image, Photograph
from qtopt_agent.simulation.rays import RayCamera
from qtopt_agent.simulation.robot import SimulatedRobot

_COARSE = (4, 3, 2, 1)  # px that are drawn as one: a ray for each pixel of 640x480 takes 80 ms, for 4x4 px 5 ms


class Stream:
    """The camera of `cell`; noise: standard deviation, grey levels of 255. Ages and noise are drawn from `seed`."""

    def __init__(self, cell: Cell, noise: float, seed: int) -> None:
        view = replace(cell.camera, crop=())
        self._coarse = next(k for k in _COARSE if not view.height % k and not view.width % k)
        size = view.height // self._coarse, view.width // self._coarse
        self._camera = RayCamera(scene.VIEW, size, oversample=1, view=view, palm=not camera_in_palm(cell))
        self._photograph, self._age = Photograph(pixel_noise=noise), cell.camera.age
        self._rng = np.random.default_rng([seed, 4])
        self._count = 3 * size[0] * size[1]
        self._noise = self._rng.standard_normal(2 * self._count, dtype=np.float32)
        self._under_way: deque[tuple[float, float, Image]] = deque()

    def take(self, robot: SimulatedRobot, now: float, stamp: float) -> None:
        """A picture at time `now`, s, which says that it was taken at `stamp`, s."""
        seen = robot.seen_by(self._camera)
        begin = int(self._rng.integers(self._count))  # another part of the same noise takes less time than new noise
        seen = self._photograph.take(seen, self._noise[begin : begin + self._count].reshape(seen.shape))
        before = self._under_way[-1][0] if self._under_way else -np.inf
        self._under_way.append((max(now + self._rng.uniform(*self._age), before), stamp, seen))

    def arrived(self, now: float) -> list[tuple[Image, float]]:
        """Pictures, uint8 [H, W, 3] RGB, that have come by the time `now`, s, with their stamps."""
        found = []
        while self._under_way and self._under_way[0][0] <= now:
            _, stamp, seen = self._under_way.popleft()
            found.append((seen.repeat(self._coarse, 0).repeat(self._coarse, 1), stamp))
        return found
