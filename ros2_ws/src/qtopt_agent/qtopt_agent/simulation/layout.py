"""What lies in the bin, where and in which colours: from a seed alone, and the same in every simulator."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.cell import EMBEDDED, Cell
from qtopt_agent.simulation.objects import ObjectSpec

Array = NDArray[np.float64]
ObjectSource = Callable[[np.random.Generator], ObjectSpec]
Pose = tuple[float, float, float, float]  # x, y, z in m, yaw in rad

SKY = (0.85, 0.88, 0.92)  # RGB of what lies beyond the table

_CLEARANCE = 0.005  # m between an object that is laid out and a wall, at least


@dataclass(frozen=True)
class Appearance:
    """Colours (RGB, 0..1) and the direction the light comes from (unit vector)."""

    floor: tuple[float, ...]
    wall: tuple[float, ...]
    objects: tuple[tuple[float, ...], ...]
    light: tuple[float, ...]

    @staticmethod
    def sample(count: int, rng: np.random.Generator) -> "Appearance":
        """Greyish surroundings and saturated objects, so that every object can be told from the floor."""
        grey = rng.uniform(0.25, 0.75)
        floor = np.clip(grey + rng.uniform(-0.06, 0.06, 3), 0, 1)
        wall = np.clip(rng.uniform(0.2, 0.8) + rng.uniform(-0.06, 0.06, 3), 0, 1)
        hues = rng.random(count)
        bright = rng.uniform(0.55, 1.0, count)
        wheel = np.abs((hues[:, None] * 6 + np.array([0, 4, 2])) % 6 - 3) - 1
        saturation = rng.uniform(0.6, 1.0, count)[:, None]
        colours = bright[:, None] * (1 - saturation + saturation * np.clip(wheel, 0, 1))
        light = np.array([*rng.uniform(-0.6, 0.6, 2), 1.0])
        return Appearance(tuple(floor), tuple(wall), tuple(map(tuple, colours)), tuple(light / np.linalg.norm(light)))


@dataclass(frozen=True)
class Layout:
    """An episode's beginning. poses, start: of each object and of the finger tips. stacked: some lie on others.

    friction: of objects and bin.
    """

    objects: tuple[ObjectSpec, ...]
    appearance: Appearance
    poses: tuple[Pose, ...]
    start: Pose
    stacked: bool
    friction: float


def lay_out(source: ObjectSource, clutter: tuple[int, int], seed: int, cell: Cell = EMBEDDED) -> Layout:
    """`clutter` (fewest, most) objects of `source`, side by side just above the floor, the hand at a start pose."""
    rng = np.random.default_rng(seed)
    objects = [source(rng) for _ in range(int(rng.integers(clutter[0], clutter[1] + 1)))]
    appearance = Appearance.sample(len(objects), rng)
    poses, stacked = _places(objects, rng, cell)
    spread, turn = cell.attempt.start_spread, cell.attempt.start_turn
    start = (*rng.uniform(-spread, spread, 2), rng.uniform(*cell.attempt.start_height), rng.uniform(-turn, turn))
    # Of a generator of its own, so that a cell with one friction has the episodes that it had without.
    friction = np.random.default_rng([seed, 1]).uniform(*cell.objects.friction)
    return Layout(tuple(objects), appearance, poses, start, stacked, friction)


def _places(objects: list[ObjectSpec], rng: np.random.Generator, cell: Cell) -> tuple[tuple[Pose, ...], bool]:
    """Far enough apart to start without overlap, and where an open jaw fits beside the walls; pushes may go farther."""
    half = np.array(cell.bin.size) / 2
    beside_jaw = (half - max(cell.jaw.palm[0], cell.jaw.aperture + 2 * cell.jaw.finger_thickness) / 2).round(9)
    radii = [float(np.linalg.norm(spec.outline[:, :2], axis=1).max()) for spec in objects]
    poses: list[Pose] = []
    height = 0.0
    for i, spec in enumerate(objects):
        room = np.maximum(0, np.minimum(beside_jaw, half - radii[i] - _CLEARANCE))
        for _ in range(40):
            x, y = rng.uniform(-room, room)
            if all(np.hypot(x - p[0], y - p[1]) > radii[i] + r + 0.004 for p, r in zip(poses, radii, strict=False)):
                break
        else:
            height += 0.08  # no free place left: drop it on top of the others
        poses.append((x, y, -spec.outline[:, 2].min() + 0.002 + height, rng.uniform(-np.pi, np.pi)))
    return tuple(poses), height > 0


def is_lifted(outlines: list[Array], tips: Array, height: float) -> bool:
    """Whether an object (surface points [N, 3] in the world, m) is above `height`, m, at the finger tips [3]."""
    return any(bool(points[:, 2].min() > height and np.linalg.norm(points.mean(0) - tips) < 0.1) for points in outlines)
