"""How one episode looks and moves: drawn from its seed, each part by a generator of its own, so none shifts another."""

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.cell import Camera, Cell
from qtopt_agent.core.cell_boxes import WALL_THICKNESS
from qtopt_agent.core.looks import Looks
from qtopt_agent.simulation.parts import Part
from qtopt_agent.simulation.photographs import Photograph
from qtopt_agent.simulation.textures import Surfaces

Array = NDArray[np.float64]

_GREY, _WHITE, _BLACK = (0.1, 0.9), (0.85, 1.0), (0.02, 0.12)
_BEYOND = 0.06  # m from the rim to the middle of a distractor, at most


@dataclass(frozen=True)
class Shading:
    """Surfaces, and the lights on them: towards [L, 3], unit vectors; strengths [L], with ambient 1 together.

    shadows: of the first light.
    """

    surfaces: Surfaces
    lights: Array
    strengths: Array
    ambient: float
    shadows: bool


@dataclass(frozen=True)
class Shapes:
    """A world's shapes: which thing each is part of, its colour where looks are plain, and which things are objects.

    What is one thing has one pattern, and, unless it is an object of many colours, one colour.
    """

    things: NDArray[np.intp]  # [shapes]
    colours: Array  # [shapes, 3] RGB
    objects: range
    surroundings: range


class Look:
    """One episode's. What is drawn again at every step, noise and motion errors, follows from the seed as well."""

    def __init__(self, looks: Looks, seed: int) -> None:
        self._seed = seed
        self._looks = looks.drawn(self._draws(10))
        self.photograph = Photograph.draw(self._looks, self._draws(2))
        rng = self._draws(4)
        youngest, oldest = self._looks.picture_age
        # Oftener near an end than between: whoever can act on new pictures and on old ones can on all others.
        self.picture_age = youngest + (oldest - youngest) * math.sin(math.pi / 2 * rng.random()) ** 2  # control periods
        self.motion_error = float(rng.uniform(*self._looks.motion_error))  # share of a motion
        self.friction = float(rng.uniform(*self._looks.friction))  # factors
        self.mass = float(rng.uniform(*self._looks.mass))
        self.jaw_force = float(rng.uniform(*self._looks.jaw_force))
        self._noise, self._parts, self._errors = np.zeros(0, np.float32), self._draws(9), self._draws(6)

    def _draws(self, part: int) -> np.random.Generator:
        return np.random.default_rng([self._seed, 3, part])

    def take(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """`picture` as the camera's sensor gives it."""
        if self._noise.size != 2 * picture.size:
            self._noise = self._draws(5).standard_normal(2 * picture.size, dtype=np.float32)
        # Another part of the same noise each time, which takes less time than new noise.
        begin = int(self._parts.integers(picture.size))
        return self.photograph.take(picture, self._noise[begin : begin + picture.size].reshape(picture.shape))

    def missed(self, motion: Array, yaw: float) -> tuple[Array, float]:
        """Where the hand really goes when told to move by `motion` [3], m, and `yaw`, rad."""
        *off, turned = self._errors.normal(0, self.motion_error, 4)
        return motion + np.linalg.norm(motion) * np.array(off), yaw * (1 + turned)

    @cached_property
    def _camera(self) -> tuple[Array, Array, Array]:
        """Shift, turn and change of fx, fy, cx, cy, each in -1..1 of its range."""
        rng = self._draws(3)
        return rng.uniform(-1, 1, 3), rng.uniform(-1, 1, 3), rng.uniform(-1, 1, 3)

    def lens(self, camera: Camera) -> Camera:
        """`camera` with another focal length and principal point."""
        _, _, (longer, right, down) = self._camera
        fx, fy, cx, cy = camera.intrinsics
        scale, off = 1 + self._looks.camera_view * longer, self._looks.camera_centre * camera.height
        return replace(camera, vertical_view=0.0, fx=fx * scale, fy=fy * scale, cx=cx + off * right, cy=cy + off * down)

    def camera_pose(self, camera: Camera) -> tuple[Array, Array]:
        """Position [3], m, and axes [3, 3] of the camera, moved and turned a little, as the cell has them."""
        shift, turn, _ = self._camera
        x, y, z = np.radians(self._looks.camera_turn) * turn
        # Of small angles; what is left of skew and length is taken out.
        skewed = np.array([[1.0, -z, y], [z, 1.0, -x], [-y, x, 1.0]])
        axes, _, rest = np.linalg.svd(skewed)
        return camera.position + self._looks.camera_shift * shift, camera.rotation @ (axes @ rest)

    def distractors(self, cell: Cell) -> list[tuple[Part, tuple[float, ...]]]:
        """Things beyond the rim, in the bin's frame, and their colours."""
        rng, found = self._draws(0), []
        for _ in range(int(rng.integers(*self._looks.distractors, endpoint=True))):
            half, height = rng.uniform(0.008, 0.03, 2), rng.uniform(0.01, 0.05)
            beyond = np.array(cell.bin.size) / 2 + WALL_THICKNESS + np.hypot(*half) + rng.uniform(0, _BEYOND)
            place = rng.uniform(-1, 1, 2) * beyond
            side = int(rng.integers(2))
            place[side] = beyond[side] * rng.choice([-1, 1])
            kind = str(rng.choice(["box", "cylinder", "ellipsoid"]))
            size = (half[0], height) if kind == "cylinder" else (*half, height)
            part = Part(kind, size, (*place, height), (0, 0, rng.uniform(-np.pi, np.pi)))
            found.append((part, tuple(rng.random(3))))
        return found

    def shading(self, shapes: Shapes, light: tuple[float, ...]) -> Shading:
        """Of a world of `shapes`; light: the first one's direction."""
        looks, rng = self._looks, self._draws(1)
        surfaces = Surfaces.draw(looks, self._colours(shapes), shapes.things, self._draws(7))
        others = rng.uniform(-0.8, 0.8, (int(rng.integers(*looks.lights, endpoint=True)) - 1, 3))
        others[:, 2] = 0.8
        others /= np.linalg.norm(others, axis=1, keepdims=True)
        ambient = float(rng.uniform(*looks.ambient))
        shares = np.array([1.0, *rng.uniform(0.2, 0.9, len(others))])
        shadows = bool(rng.random() < looks.shadows)
        return Shading(surfaces, np.vstack([light, others]), (1 - ambient) * shares / shares.sum(), ambient, shadows)

    def _colours(self, shapes: Shapes) -> Array:
        """[shapes, 3] RGB."""
        looks, rng = self._looks, self._draws(8)
        shares = np.cumsum([looks.grey_objects, looks.white_objects, looks.black_objects, looks.many_coloured_objects])
        colours = shapes.colours.copy()
        for thing in (*shapes.surroundings, *shapes.objects):
            mine, chance = shapes.things == thing, rng.random()
            greys = [rng.uniform(*between) for between in (_GREY, _WHITE, _BLACK)]
            tint, parts = rng.uniform(-0.03, 0.03, 3), rng.random((len(colours), 3))
            if thing in shapes.surroundings:
                if chance < looks.coloured_surroundings:
                    colours[mine] = parts[0]
            elif (kind := int(np.searchsorted(shares, chance, side="right"))) < len(greys):
                colours[mine] = np.clip(greys[kind] + tint, 0, 1)
            elif kind == len(greys):
                colours[mine] = parts[mine]
        return colours
