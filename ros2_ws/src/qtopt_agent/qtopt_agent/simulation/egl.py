"""The same cameras rendered by OpenGL without a display, for large images; needs EGL on the system."""

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.simulation.engine import mujoco
from qtopt_agent.simulation.rays import AMBIENT

_MISSING = "renderer 'egl' needs EGL and a driver ({}); on Debian: apt install libegl1 libgl1-mesa-dri"


class EglCamera:
    """Renders a named camera at `size` (height, width) px, averaged from `oversample`^2 samples a pixel.

    palm: whether it is seen. Raises InvalidInput, naming the packages, where EGL is missing.
    """

    def __init__(self, camera: str, size: tuple[int, int], oversample: int = 2, palm: bool = True) -> None:
        try:
            # Only here: importing it loads the system's OpenGL.
            from mujoco.egl import GLContext

            height, width = size[0] * oversample, size[1] * oversample
            self._context = GLContext(width, height)
        except (ImportError, AttributeError, OSError, RuntimeError) as error:  # PyOpenGL's ways to miss a library
            raise InvalidInput(_MISSING.format(error)) from error
        self._camera = camera
        self._size = size
        self._oversample = oversample
        self._view = mujoco.MjrRect(0, 0, width, height)
        self._model: mujoco.MjModel | None = None
        self._options = mujoco.MjvOption()
        self._options.geomgroup[3] = palm

    def _load(self, model: mujoco.MjModel) -> None:
        """Send a new model's shapes to OpenGL."""
        self._model = model
        self._scene = mujoco.MjvScene(model, maxgeom=model.ngeom + 10)
        for costly in (mujoco.mjtRndFlag.mjRND_SHADOW, mujoco.mjtRndFlag.mjRND_REFLECTION):
            self._scene.flags[costly] = False
        self._buffers = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
        mujoco.mjr_resizeOffscreen(self._view.width, self._view.height, self._buffers)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._buffers)

    def render(self, model: mujoco.MjModel, data: mujoco.MjData, light: tuple[float, ...]) -> NDArray[np.uint8]:
        """The view as uint8 [H, W, 3] RGB. `light`: unit vector towards the light."""
        self._context.make_current()
        if model is not self._model:
            self._load(model)
        camera = mujoco.MjvCamera()
        camera.type, camera.fixedcamid = mujoco.mjtCamera.mjCAMERA_FIXED, model.camera(self._camera).id
        mujoco.mjv_updateScene(model, data, self._options, None, camera, mujoco.mjtCatBit.mjCAT_ALL, self._scene)
        self._light(light)
        mujoco.mjr_render(self._view, self._scene, self._buffers)
        pixels = np.empty((self._view.height, self._view.width, 3), dtype=np.uint8)
        mujoco.mjr_readPixels(pixels, None, self._view, self._buffers)
        k = self._oversample
        blocks = pixels[::-1].reshape(self._size[0], k, self._size[1], k, 3)  # OpenGL's first row is the lowest
        return np.asarray(blocks.mean((1, 3)) + 0.5, dtype=np.uint8)

    def _light(self, towards: tuple[float, ...]) -> None:
        """Shade as the ray camera does: one directional light, nothing shiny."""
        self._scene.nlight = 1
        light = self._scene.lights[0]
        light.type, light.headlight, light.castshadow = mujoco.mjtLightType.mjLIGHT_DIRECTIONAL, 0, 0
        light.dir[:] = np.negative(towards)
        light.ambient[:], light.diffuse[:], light.specular[:] = AMBIENT, 1 - AMBIENT, 0
        for geom in self._scene.geoms[: self._scene.ngeom]:
            geom.specular = geom.shininess = geom.reflectance = geom.emission = 0
