"""The embedded simulator as a Robot: a floating gripper over a bin of objects."""

from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.action import Action, GripperCommand
from qtopt_agent.core.cell import Camera as CellCamera
from qtopt_agent.core.cell_boxes import camera_in_palm
from qtopt_agent.core.clutter import check_clutter
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.looks import PLAIN, Looks
from qtopt_agent.core.observation import MASK_SIZE, MOVED, Observation, motion_between
from qtopt_agent.core.profile import Profile
from qtopt_agent.safety.limits import WorkspaceBox
from qtopt_agent.simulation import scene
from qtopt_agent.simulation.engine import mujoco
from qtopt_agent.simulation.layout import Layout, ObjectSource, is_lifted, lay_out
from qtopt_agent.simulation.looks import Look, Shading
from qtopt_agent.simulation.measurement import PRIVILEGED_NAMES, measure
from qtopt_agent.simulation.rays import RayCamera
from qtopt_agent.simulation.scene import TIMESTEP

_LEAD = 0.03  # m: how far the set point may run ahead of the hand, which bounds the contact force
_CHUNK = 10  # substeps between two set points
_NOT_MOVED = (0.0, 0.0, 0.0, 0.0)
_STATE = mujoco.mjtState.mjSTATE_INTEGRATION


class Camera(Protocol):
    """Takes pictures of a simulated scene."""

    def render(self, model: mujoco.MjModel, data: mujoco.MjData, light: tuple[float, ...]) -> NDArray[np.uint8]:
        """The view as uint8 [H, W, 3] RGB. `light`: unit vector towards the light."""
        ...


def make_camera(profile: Profile, renderer: str) -> Camera:
    """The profile's camera, drawn by "rays" or "egl". Raises InvalidInput on any other renderer."""
    if renderer == "rays":
        return ray_camera(profile, profile.cell.camera)
    if renderer != "egl":
        raise InvalidInput(f"renderer {renderer!r}: expected 'rays' or 'egl'")
    from qtopt_agent.simulation.egl import EglCamera

    size = profile.observation.image_size
    return EglCamera(scene.VIEW, size, _oversample(size), not camera_in_palm(profile.cell))


def ray_camera(profile: Profile, view: CellCamera) -> RayCamera:
    """The profile's camera with the lens of `view`."""
    size = profile.observation.image_size
    return RayCamera(scene.VIEW, size, _oversample(size), view=view, palm=not camera_in_palm(profile.cell))


def _oversample(size: tuple[int, int]) -> int:
    """Small images are averaged from several rays a pixel, as a real lens and sensor would."""
    return 2 if size[0] < 64 else 1


class SimulatedRobot:
    """A 4-DoF gripper above the bin of the profile's cell, with `clutter` (fewest, most) objects from `source`.

    Every reset lays out new objects, colours and light, and what else `looks` vary, from its seed alone: the same seed
    gives the same episode.
    """

    def __init__(
        self,
        profile: Profile,
        source: ObjectSource,
        clutter: tuple[int, int] = (1, 1),
        renderer: str = "rays",
        looks: Looks = PLAIN,
    ) -> None:
        """`renderer`: "rays" needs nothing but MuJoCo; "egl" is faster on large images, where the system has it.

        Raises InvalidInput where "egl" is to draw looks that vary.
        """
        if looks.vary and renderer != "rays":
            raise InvalidInput(f"looks are {looks.kind}, the renderer is {renderer!r}: expected 'rays', or plain looks")
        self._profile, self._cell = profile, profile.cell
        origin = np.array(self._cell.bin.position)  # the world's is in the middle of the bin's floor
        low, high = (np.subtract(corner, origin) for corner in (self._cell.workspace.low, self._cell.workspace.high))
        self._workspace = WorkspaceBox(tuple(low), tuple(high))
        self._substeps = round(self._cell.attempt.control_period / TIMESTEP)
        self._open = self._cell.jaw.aperture / 2
        self._source = source
        self._clutter = check_clutter(clutter)
        self._looks = looks
        self._look: Look | None = None  # none: plain
        self._shading: Shading | None = None
        self._camera = make_camera(profile, renderer) if profile.has_camera else None
        self._has_masks = not any(side % MASK_SIZE for side in profile.observation.image_size)
        self._steps = 0
        self._moved = _NOT_MOVED
        self._seen: NDArray[np.uint8] | None = None  # the picture, where it is older than the state
        self._mask: NDArray[np.uint8] | None = None  # of the picture taken last
        self._shown: NDArray[np.uint8] | None = None  # the last one observed

    @property
    def object_names(self) -> tuple[str, ...]:
        """Names of the objects in the bin, for the episode's record."""
        return tuple(spec.name for spec in self._objects)

    @property
    def time(self) -> float:
        """Simulated time, s."""
        return float(self._data.time)

    def reset(self, seed: int) -> Observation:
        """Lay out new objects and return the hand, open, to a start pose."""
        layout = lay_out(self._source, self._clutter, seed, self._cell)
        self._objects, self._appearance = layout.objects, layout.appearance
        if self._looks.vary:
            self._build_varied(layout, seed)
        else:
            self._model = scene.build_model(list(layout.objects), layout.appearance, self._cell, layout.friction)
        self._data = mujoco.MjData(self._model)
        self._hand = self._model.body("hand").id
        self._bodies = [self._model.body(f"object{i}").id for i in range(len(layout.objects))]
        self._object_geoms = np.isin(self._model.geom_bodyid, self._bodies)
        self._closed = False
        self._steps = 0
        self._moved = _NOT_MOVED
        self._ages, self._seen = np.random.default_rng([seed, 2]), None
        for i, (x, y, z, yaw) in enumerate(layout.poses):
            self._data.qpos[6 + 7 * i : 13 + 7 * i] = [x, y, z, np.cos(yaw / 2), 0, 0, np.sin(yaw / 2)]
        # While the objects settle, the hand waits out of the way.
        self._data.qpos[:3] = self._data.ctrl[:3] = (0, 0, 0.6)
        mujoco.mj_step(self._model, self._data, nstep=300 if layout.stacked else 100)
        self._data.qpos[:4] = layout.start
        self._data.qvel[:6] = 0
        self._data.qpos[4:6] = self._open
        self._data.ctrl[:] = [*layout.start, self._open, self._open]
        mujoco.mj_forward(self._model, self._data)
        return self.observe()

    def _build_varied(self, layout: Layout, seed: int) -> None:
        look, cell = Look(self._looks, seed), self._cell
        objects = [replace(spec, density=spec.density * look.mass) for spec in layout.objects]
        model = scene.build_model(objects, layout.appearance, cell, layout.friction, look.distractors(cell))
        scene.vary(model, look, cell)
        if self._camera is not None:
            self._camera = ray_camera(self._profile, look.lens(cell.camera))
        self._model, self._look = model, look
        self._shading = look.shading(scene.shapes(model), layout.appearance.light)

    def pose(self) -> NDArray[np.float64]:
        """Measured finger-tip position x, y, z in m and yaw in rad."""
        return self._data.qpos[:4].copy()

    def aperture(self) -> float:
        """Measured distance between the fingers, m."""
        return float(self._data.qpos[4] + self._data.qpos[5])

    def outline(self, index: int) -> NDArray[np.float64]:
        """Surface points [N, 3] of an object in the world, m."""
        body = self._bodies[index]
        turn = self._data.xmat[body].reshape(3, 3)
        # xpos is the body frame's origin, which the generator's points refer to.
        return np.asarray(self._objects[index].outline @ turn.T + self._data.xpos[body])

    def observe(self) -> Observation:
        """What the camera and the joints say now, and the privileged measurement of the nearest object."""
        pose = self.pose()
        outlines = [self.outline(i) for i in range(len(self._bodies))]
        nearest = min(outlines, key=lambda points: float(np.linalg.norm(points.mean(0) - pose[:3])))
        privileged = measure(nearest, pose[:3], float(pose[3]))
        known = {
            "aperture_m": self.aperture(),
            "height_m": float(pose[2]),
            "closed": float(self._closed),
            "steps_done": self._steps / self._profile.max_steps,
            **dict(zip(MOVED, self._moved, strict=True)),
            **dict(zip(PRIVILEGED_NAMES, privileged, strict=True)),
        }
        state = np.array([known[name] for name in self._profile.observation.state_names], dtype=np.float32)
        if self._camera is None:
            image = np.zeros((0, 0, 3), dtype=np.uint8)
        else:
            image = self._shown = self._picture() if self._seen is None else self._seen
        return Observation(image, state, self.time, privileged, self._mask)

    def _picture(self) -> NDArray[np.uint8]:
        """What the camera sees now."""
        light = self._appearance.light
        if self._look is None:
            assert self._camera is not None
            picture = self._camera.render(self._model, self._data, light)
        else:
            assert isinstance(self._camera, RayCamera)
            picture = self._look.take(self._camera.render(self._model, self._data, light, self._shading))
        if isinstance(self._camera, RayCamera) and self._has_masks:
            self._mask = self._camera.share(self._object_geoms, MASK_SIZE)
        return picture

    def execute(self, action: Action) -> Action:
        """Move for one control period. Returns what was done: the translation cut to the workspace, none to end.

        A motion at which the physics diverges is undone: the hand and the objects are where they were, at rest.
        Raises InvalidInput on a translation or yaw that is not finite.
        """
        if not np.isfinite([*action.translation, action.yaw]).all():
            raise InvalidInput(f"action moves by {action.translation} m, {action.yaw} rad: expected finite numbers")
        pose = self.pose()
        self._steps += 1
        if action.terminate:
            self._seen, self._moved = self._shown, _NOT_MOVED
            return Action(np.zeros(3, dtype=np.float32), 0.0, terminate=True)
        c, s = np.cos(pose[3]), np.sin(pose[3])
        to_world = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
        target = self._workspace.clip(pose[:3] + to_world @ action.translation)
        if action.gripper != GripperCommand.KEEP:
            self._closed = action.gripper == GripperCommand.CLOSE
        reached, turn = target, action.yaw
        if self._look is not None:  # the arm knows of no error of its own
            motion, turn = self._look.missed(target - pose[:3], action.yaw)
            reached = self._workspace.clip(pose[:3] + motion)
        if not self._drive_and_look(reached, pose[3] + turn):
            self._moved = _NOT_MOVED
            return Action(np.zeros(3, dtype=np.float32), 0.0, action.gripper)
        self._moved = motion_between(pose, self.pose())
        return Action((to_world.T @ (target - pose[:3])).astype(np.float32), action.yaw, action.gripper)

    def _drive_and_look(self, target: NDArray[np.float64], yaw: float) -> bool:
        """Move for one control period; the picture decided by next is older than its end by the camera's age."""
        age = 0 if self._camera is None else round(self._ages.uniform(*self._cell.camera.age) / TIMESTEP)
        if self._look is not None and self._camera is not None:
            age = min(age + round(self._look.picture_age * self._substeps), self._substeps)
        moved = self._drive(target, yaw, self._substeps - age)
        self._seen = self._picture() if age else None
        return moved and (not age or self._drive(target, yaw, age))

    def follow(self, position: NDArray[np.float64], yaw: float, closed: bool, duration: float) -> None:
        """Let `duration` s (whole time steps of 4 ms) pass while the hand goes after a set point, however far it is.

        position [3], m, and yaw, rad, in the world frame; closed: what the jaw is told. Raises InvalidInput if they
        are not finite. For set points that are streamed, where `execute` makes one motion of a fixed time.
        """
        if not np.isfinite([*position, yaw]).all():
            raise InvalidInput(f"set point is {position}, yaw {yaw}: expected finite numbers")
        self._seen = None
        here = float(self._data.qpos[3])
        self._closed = closed
        nearest_turn = here + (yaw - here + np.pi) % (2 * np.pi) - np.pi
        self._drive(np.asarray(position, dtype=np.float64), nearest_turn, round(duration / TIMESTEP))

    def _drive(self, target: NDArray[np.float64], yaw: float, substeps: int) -> bool:
        """Go towards `target`. Returns whether the physics could be computed; if not, it is as before, at rest."""
        data, began = self._data, self.time
        before = np.empty(mujoco.mj_stateSize(self._model, _STATE))
        mujoco.mj_getState(self._model, data, before, _STATE)
        data.ctrl[4:6] = 0.0 if self._closed else self._open
        data.ctrl[3] = yaw
        for begin in range(0, substeps, _CHUNK):
            ahead = target - data.qpos[:3]
            distance = float(np.linalg.norm(ahead))
            data.ctrl[:3] = data.qpos[:3] + ahead * min(1.0, _LEAD / max(distance, 1e-9))
            mujoco.mj_step(self._model, data, nstep=min(_CHUNK, substeps - begin))
            if data.time < began:  # MuJoCo gave up and has reset everything, time included
                mujoco.mj_setState(self._model, data, before, _STATE)
                data.qvel[:] = 0
                data.time = began + substeps * TIMESTEP
                mujoco.mj_forward(self._model, data)
                return False
        return True

    def succeeded(self, margin: float = 0.0) -> bool:
        """True while the gripper holds an object clear above the walls; `margin`: m above the height that counts."""
        if not self._closed or self.aperture() < 0.002:
            return False
        outlines = [self.outline(i) for i in range(len(self._bodies))]
        return is_lifted(outlines, self.pose()[:3], self._cell.attempt.lift_height + margin)

    def scene_image(self, height: int, width: int) -> NDArray[np.uint8]:
        """A picture of the whole scene for people, uint8 [height, width, 3] RGB."""
        return self.seen_by(RayCamera("scene", (height, width), oversample=2, shadows=True))

    def seen_by(self, camera: RayCamera) -> NDArray[np.uint8]:
        """What another camera sees now, uint8 [H, W, 3] RGB."""
        return camera.render(self._model, self._data, self._appearance.light, self._shading)
