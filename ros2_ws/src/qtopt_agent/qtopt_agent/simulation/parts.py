"""Convex pieces, the shapes made of them, and what a family of shapes is."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Part:
    """One convex piece. `kind` and `size` as MuJoCo's geoms; a mesh has `vertices` [N, 3] in m instead of a size."""

    kind: str
    size: tuple[float, ...] = ()
    position: tuple[float, float, float] = (0.0, 0.0, 0.0)
    euler: tuple[float, float, float] = (0.0, 0.0, 0.0)
    vertices: Array | None = None


@dataclass(frozen=True)
class Family:
    """`shape` draws the parts of an object whose width, where a jaw closes on it, is drawn from `widths`, m."""

    shape: Callable[[np.random.Generator, float], list[Part]]
    widths: tuple[float, float]


def rotation(euler: tuple[float, float, float]) -> Array:
    """Rotation matrix [3, 3] of intrinsic x-y-z Euler angles in rad, MuJoCo's default sequence."""
    (sx, sy, sz), (cx, cy, cz) = np.sin(euler), np.cos(euler)
    x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return np.asarray(x @ y @ z)


def turned(parts: list[Part], euler: tuple[float, float, float]) -> list[Part]:
    """The parts, turned about the origin by angles as those of `rotation`."""
    turn = rotation(euler)
    return [
        replace(part, position=tuple(turn @ part.position), euler=_euler(turn @ rotation(part.euler))) for part in parts
    ]


def _euler(turn: Array) -> tuple[float, float, float]:
    """The inverse of `rotation`."""
    x, z = np.arctan2(-turn[1, 2], turn[2, 2]), np.arctan2(-turn[0, 1], turn[0, 0])
    return float(x), float(np.arcsin(np.clip(turn[0, 2], -1, 1))), float(z)


def scaled(parts: list[Part], factor: float) -> list[Part]:
    """The parts, all lengths `factor` times as large."""
    found = []
    for part in parts:
        x, y, z = part.position
        size, place = tuple(factor * length for length in part.size), (factor * x, factor * y, factor * z)
        vertices = None if part.vertices is None else factor * part.vertices
        found.append(replace(part, size=size, position=place, vertices=vertices))
    return found


def is_flat(points: Array) -> bool:
    """Whether points [N, 3] lie in a plane, to a millionth of their extent."""
    extent = np.ptp(points, axis=0).max(initial=0.0)
    return bool(np.linalg.matrix_rank(points - points.mean(0), 1e-6 * extent) < 3)


def surface_points(parts: list[Part]) -> Array:
    """Points [N, 3] on the parts that span the object's outline, m."""
    # Corners and a coarse sphere are enough: only extents and second moments are read from them.
    corners = np.array([(x, y, z) for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 1)], dtype=float)
    turn = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    ring = np.column_stack([np.cos(turn), np.sin(turn), np.zeros(12)])
    points = []
    for part in parts:
        if part.vertices is not None:
            local = part.vertices
        elif part.kind == "box":
            local = corners * part.size
        elif part.kind in ("sphere", "ellipsoid"):
            ball = np.concatenate([ring, 0.7 * ring + (0, 0, 0.7), 0.7 * ring - (0, 0, 0.7), [(0, 0, 1), (0, 0, -1)]])
            local = ball * (part.size * 3 if part.kind == "sphere" else part.size)
        else:  # cylinder and capsule: radius, half length
            radius, half = part.size
            half = half + radius * 0.7 if part.kind == "capsule" else half
            local = np.concatenate([ring * radius + (0, 0, half), ring * radius - (0, 0, half), ring * radius])
        points.append(local @ rotation(part.euler).T + part.position)
    return np.concatenate(points)


def prism(sides: int, radius: float, top: float, height: float) -> Part:
    """A regular prism or frustum as a mesh; `top` is the upper radius over the lower one."""
    angle = np.arange(sides) * 2 * np.pi / sides
    ring = np.stack([np.cos(angle), np.sin(angle)], -1) * radius
    low = np.column_stack([ring, np.full(sides, -height / 2)])
    high = np.column_stack([ring * top, np.full(sides, height / 2)])
    return Part("mesh", vertices=np.concatenate([low, high]))


def walls(corners: Array, top: float, height: float, thickness: float) -> list[Part]:
    """A wall on each side of the convex polygon of `corners` [N, 2]; `top`: its size above over that below; m."""
    inwards = -corners / np.linalg.norm(corners, axis=1, keepdims=True) * thickness
    outer = (
        np.column_stack([size * corners, np.full(len(corners), z)]) for size, z in ((1, -height / 2), (top, height / 2))
    )
    rings = [ring + step for ring in outer for step in (0, np.column_stack([inwards, np.zeros(len(corners))]))]
    return [Part("mesh", vertices=np.concatenate([ring[[k - 1, k]] for ring in rings])) for k in range(len(corners))]


def vessel(corners: Array, top: float, height: float, thickness: float) -> list[Part]:
    """Walls as above that stand on a floor as thick as they are: what lies on the table is one piece, not many."""
    low = np.column_stack([corners, np.full(len(corners), -height / 2)])
    floor = Part("mesh", vertices=np.concatenate([low, low + np.array([0, 0, thickness])]))
    up = (0.0, 0.0, thickness / 2)
    return [floor, *(replace(wall, position=up) for wall in walls(corners, top, height - thickness, thickness))]


def polygon(sides: int, across: float) -> Array:
    """Corners [sides, 2] of a regular polygon, `across` m from side to side along x."""
    angle = (np.arange(sides) + 0.5) * 2 * np.pi / sides
    return np.column_stack([np.cos(angle), np.sin(angle)]) * (across / 2 / np.cos(np.pi / sides))
