"""What the camera on the bracket sends: OpenGL's picture through a lens, with a sensor's noise."""

import math

import cv2
import mujoco
import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.cell import Camera
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.twin import scene

NOISE = 2.5  # of 255, deviation of each pixel's
_MARGIN = 1.04  # of the stream that is drawn, for what the lens bends into it
_MISSING = "the twin's pictures need EGL and a driver ({}); on Debian: apt install libegl1 libgl1-mesa-dri"


class TwinCamera:
    """Draws `camera` of a world's model. To be made and used in one thread, with a copy of the world of its own.

    Raises InvalidInput, naming the packages, where OpenGL is missing.
    """

    def __init__(self, model: mujoco.MjModel, camera: Camera, seed: int) -> None:
        self._model, self._data, self._size = model, mujoco.MjData(model), (camera.height, camera.width)
        height, width = (2 * round(_MARGIN * side / 2) for side in self._size)
        try:
            from mujoco.egl import GLContext  # only here: importing it loads the system's OpenGL

            self._context = GLContext(width, height)
        except (ImportError, AttributeError, OSError, RuntimeError) as error:  # PyOpenGL's ways to miss a library
            raise InvalidInput(_MISSING.format(error)) from error
        self._context.make_current()
        self._view, self._options = mujoco.MjrRect(0, 0, width, height), mujoco.MjvOption()
        self._options.geomgroup[:], self._options.sitegroup[:] = 0, 0
        self._options.geomgroup[scene.SEEN] = 1
        self._scene = mujoco.MjvScene(model, maxgeom=model.ngeom + 10)
        flags = mujoco.mjtRndFlag
        for costly in (flags.mjRND_SHADOW, flags.mjRND_REFLECTION, flags.mjRND_SKYBOX):
            self._scene.flags[costly] = False
        self._eye = mujoco.MjvCamera()
        self._eye.type, self._eye.fixedcamid = mujoco.mjtCamera.mjCAMERA_FIXED, model.camera(scene.CAMERA).id
        _, fy, _, _ = camera.intrinsics
        model.camera(scene.CAMERA).fovy = math.degrees(2 * math.atan(height / 2 / fy))
        self._buffers = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
        mujoco.mjr_resizeOffscreen(width, height, self._buffers)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._buffers)
        self._lens = _lens(camera, (height, width))
        self._rng = np.random.default_rng([seed, 4])
        grain = self._rng.normal(0, NOISE, (2 * camera.height, 2 * camera.width, 3))
        self._grain = np.rint(grain).astype(np.int16)

    def take(self, positions: NDArray[np.float64]) -> NDArray[np.uint8]:
        """The picture, uint8 [H, W, 3] RGB, of the world with joints at `positions` (MuJoCo's qpos)."""
        data, height, width = self._data, self._view.height, self._view.width
        data.qpos[:] = positions
        mujoco.mj_kinematics(self._model, data)
        mujoco.mj_camlight(self._model, data)
        self._context.make_current()
        mujoco.mjv_updateScene(
            self._model, data, self._options, None, self._eye, mujoco.mjtCatBit.mjCAT_ALL, self._scene
        )
        mujoco.mjr_render(self._view, self._scene, self._buffers)
        pixels = np.empty((height, width, 3), dtype=np.uint8)
        mujoco.mjr_readPixels(pixels, None, self._view, self._buffers)
        seen = cv2.remap(pixels, *self._lens, cv2.INTER_LINEAR)
        top, left = (int(self._rng.integers(side)) for side in self._size)
        grain = self._grain[top : top + self._size[0], left : left + self._size[1]]
        return np.asarray(cv2.add(seen, grain, dtype=cv2.CV_8U))

    def close(self) -> None:
        """Give the system's OpenGL back: not another's, who may have become current meanwhile."""
        self._context.make_current()
        self._buffers.free()
        self._context.free()


def _lens(camera: Camera, drawn: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Column and row of the drawn picture, upside down as OpenGL has it, for each pixel of the stream."""
    columns, rows = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    pixels = np.stack([columns, rows], -1).reshape(-1, 1, 2).astype(np.float64)
    rays = cv2.undistortPoints(pixels, camera.matrix, np.array(camera.distortion or [0.0] * 5)).reshape(-1, 2)
    _, focal, _, _ = camera.intrinsics
    height, width = drawn
    across = focal * rays[:, 0] + (width - 1) / 2
    down = height - 1 - (focal * rays[:, 1] + (height - 1) / 2)
    size = (camera.height, camera.width)
    return across.reshape(size).astype(np.float32), down.reshape(size).astype(np.float32)
