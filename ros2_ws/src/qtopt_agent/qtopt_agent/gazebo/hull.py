"""Triangles of a convex hull of few points, and the STL files that Gazebo reads meshes from."""

from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.errors import InvalidInput

Array = NDArray[np.float64]

FLAT = 1e-6  # share of the points' extent: what lies closer to a plane lies in it


def hull_triangles(points: Array) -> Array:
    """Corners [M, 3, 3] of the triangles around `points` [N, 3], each counter-clockwise seen from outside.

    Every plane through three points is tried, so it is for some dozens of points. Raises InvalidInput if they are flat.
    """
    points = np.unique(points, axis=0)
    middle, tolerance = points.mean(0), FLAT * float(np.ptp(points, axis=0).max(initial=0.0))
    corners = np.array(list(combinations(range(len(points)), 3)), dtype=int).reshape(-1, 3)
    a, b, c = (points[corners[:, i]] for i in range(3))
    normals = np.cross(b - a, c - a)
    length = np.linalg.norm(normals, axis=1)
    solid = length > tolerance**2
    a, normals = a[solid], normals[solid] / length[solid, None]
    normals *= -np.sign(np.sum(normals * (middle - a), axis=1))[:, None]  # outwards
    heights = normals @ points.T - np.sum(normals * a, axis=1)[:, None]
    outer = (heights < tolerance).all(1) & (heights < -tolerance).any(1)
    triangles: list[Array] = []
    faces: set[tuple[int, ...]] = set()
    for normal, height in zip(normals[outer], heights[outer], strict=True):
        face = tuple(np.flatnonzero(height > -tolerance).tolist())
        if face not in faces:
            faces.add(face)
            triangles += _fan(points[list(face)], normal)
    if len(faces) < 4:
        raise InvalidInput(f"{len(points)} points lie in a plane, expected a solid")
    return np.array(triangles)


def _fan(face: Array, normal: Array) -> list[Array]:
    """Triangles of a flat convex face, from its corners in any order."""
    spokes = face - face.mean(0)
    along = spokes[0]
    angle = np.arctan2(spokes @ np.cross(normal, along), spokes @ along)
    around = face[np.argsort(angle)]
    return [around[[0, i, i + 1]] for i in range(1, len(around) - 1)]


def write_stl(path: Path, triangles: Array) -> None:
    """Write corners [M, 3, 3], m, as a binary STL file."""
    a, b, c = triangles.transpose(1, 0, 2)
    normals = np.cross(b - a, c - a)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    kind = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
    rows = np.zeros(len(triangles), kind)
    rows["normal"], rows["corners"] = normals, triangles
    path.write_bytes(bytes(80) + len(rows).to_bytes(4, "little") + rows.tobytes())
