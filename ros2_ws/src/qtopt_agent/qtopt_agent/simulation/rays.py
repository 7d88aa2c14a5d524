"""A camera that needs no graphics library: one ray a pixel through MuJoCo's collision geometry, Lambert-shaded."""

from functools import reduce

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qtopt_agent.core.cell import Camera
from qtopt_agent.simulation.engine import mujoco
from qtopt_agent.simulation.layout import SKY
from qtopt_agent.simulation.looks import Shading

Array = NDArray[np.float64]

AMBIENT = 0.35  # share of a colour that needs no light


class RayCamera:
    """Renders a named camera of a model at `size` (height, width) px, averaged from `oversample`^2 rays a pixel.

    view: how a cell's camera sees; without, the model's camera has its own opening and its axis in the middle. palm:
    whether it is seen; a camera that the palm sits around looks through it.
    """

    def __init__(
        self,
        camera: str,
        size: tuple[int, int],
        oversample: int = 2,
        shadows: bool = False,
        view: Camera | None = None,
        palm: bool = True,
    ) -> None:
        self._camera = camera
        self._size = size
        self._oversample = oversample
        self._shadows = shadows
        self._groups = np.array([1, 1, 1, palm, 0, 0], dtype=np.uint8)
        height, width = size[0] * oversample, size[1] * oversample
        self._grid = (height, width)
        count = height * width
        self._geom = np.empty(count, dtype=np.int32)
        self._distance = np.empty(count)
        self._normal = np.empty((count, 3))
        self._directions = None if view is None else self._view_rays(view)

    def _view_rays(self, view: Camera) -> Array:
        """Through the part of the stream that the model sees."""
        left, top, columns, rows = view.window(self._size)
        fx, fy, cx, cy = view.intrinsics
        height, width = self._grid
        right = (left + (np.arange(width) + 0.5) / width * columns - cx) / fx
        down = (top + (np.arange(height) + 0.5) / height * rows - cy) / fy
        return self._rays(right, -down)

    def _centred_rays(self, fovy: float) -> Array:
        height, width = self._grid
        reach = np.tan(np.radians(fovy) / 2)
        up = (1 - (np.arange(height) + 0.5) / height * 2) * reach
        right = ((np.arange(width) + 0.5) / width * 2 - 1) * reach * width / height
        return self._rays(right, up)

    def _rays(self, right: Array, up: Array) -> Array:
        """Unit vectors [pixels, 3] in MuJoCo's camera frame: x right, y up, z out of the picture."""
        rays = np.stack([*np.meshgrid(right, up), np.full(self._grid, -1.0)], -1).reshape(-1, 3)
        return np.asarray(rays / np.linalg.norm(rays, axis=1, keepdims=True))

    def render(
        self, model: mujoco.MjModel, data: mujoco.MjData, light: tuple[float, ...], shading: Shading | None = None
    ) -> NDArray[np.uint8]:
        """The view as uint8 [H, W, 3] RGB. `light`: unit vector towards the light; `shading` has its own lights."""
        index = model.camera(self._camera).id
        if self._directions is None:
            self._directions = self._centred_rays(float(model.cam_fovy[index]))
        origin = data.cam_xpos[index]
        rays = self._directions @ data.cam_xmat[index].reshape(3, 3).T
        self._cast(model, data, origin, rays)
        if shading is not None:
            pixels = self._shaded(model, data, origin, rays * self._distance[:, None], shading)
            pixels[self._geom < 0] = SKY
        else:
            facing = np.maximum(self._normal @ np.asarray(light), 0)
            if self._shadows:
                facing *= self._lit(model, data, origin + rays * self._distance[:, None], light)
            shade = np.where(self._geom >= 0, AMBIENT + (1 - AMBIENT) * facing, 1.0)
            # A ray that hits nothing, number -1, shows the last colour. In place, without `mean`: half the time.
            pixels = np.vstack([model.geom_rgba[:, :3], SKY]).take(self._geom, 0, mode="wrap")
            pixels *= shade[:, None]
        k = self._oversample
        blocks = pixels.reshape(self._size[0], k, self._size[1], k, 3)
        mean = reduce(np.add, (blocks[:, i, :, j] for i in range(k) for j in range(k))) / k**2
        mean *= 255
        mean += 0.5
        return np.asarray(np.clip(mean, 0, 255, out=mean), dtype=np.uint8)

    def share(self, geoms: NDArray[np.bool_], parts: int) -> NDArray[np.uint8]:
        """How much of each of parts x parts of the picture rendered last shows `geoms`, bool of each geom; 255: all."""
        hit = np.append(geoms, False)[self._geom].reshape(parts, self._grid[0] // parts, parts, -1)
        return np.asarray(hit.mean((1, 3)) * 255 + 0.5).astype(np.uint8)

    def _shaded(
        self, model: mujoco.MjModel, data: mujoco.MjData, origin: Array, points: Array, shading: Shading
    ) -> NDArray[np.float32]:
        """Colours [rays, 3] of what the rays hit at `points` [rays, 3], m from the camera at `origin`."""
        facing = np.maximum(shading.lights.astype(np.float32) @ self._normal.astype(np.float32).T, 0)
        if shading.shadows:
            facing[0] *= self._lit(model, data, origin + points, shading.lights[0])
        shade = shading.ambient + shading.strengths.astype(np.float32) @ facing
        return (shading.surfaces.at(self._geom, data.geom_xpos, data.geom_xmat, origin, points) * shade).T

    def _cast(self, model: mujoco.MjModel, data: mujoco.MjData, origin: Array, rays: Array) -> None:
        mujoco.mj_multiRay(
            model, data, origin, rays.ravel(), self._groups, True, -1, self._geom, self._distance, self._normal.ravel(),
            len(rays), 10.0,
        )  # fmt: skip

    def _lit(self, model: mujoco.MjModel, data: mujoco.MjData, points: Array, light: ArrayLike) -> Array:
        """1 where a point sees the light, less in shadow: rays cast from a far light towards each point."""
        source = np.asarray(light) * 3.0
        towards = points - source
        length = np.linalg.norm(towards, axis=1)
        geom, distance = np.empty(len(points), dtype=np.int32), np.empty(len(points))
        mujoco.mj_multiRay(
            model, data, source, (towards / length[:, None]).ravel(), self._groups, True, -1, geom, distance, None,
            len(points), 10.0,
        )  # fmt: skip
        return np.where(distance < length - 0.003, 0.25, 1.0)
