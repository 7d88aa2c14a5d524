"""Splits a mesh into convex parts, which is what contacts are computed between.

V-HACD: Mamou, "Volumetric Hierarchical Approximate Convex Decomposition", Game Engine Gems 3, 2016.
"""

import fast_simplification
import numpy as np
import trimesh
import vhacdx
from numpy.typing import NDArray

from qtopt_agent.simulation.parts import is_flat

Array = NDArray[np.float64]
Faces = NDArray[np.int64]

MAX_PARTS = 16
MAX_PART_VERTICES = 64
MAX_TRIANGLES = 50_000  # of a mesh that is split; finer ones are reduced first


def convex_parts(vertices: Array, faces: Faces) -> list[Array]:
    """Corners of at most MAX_PARTS convex pieces; pieces that are convex as they come are taken as they are."""
    # Faces that share a vertex, or are joined by such, are of one piece.
    edges = np.concatenate([faces[:, :2], faces[:, 1:]])
    piece = trimesh.graph.connected_component_labels(edges, len(vertices))[faces[:, 0]]
    names = np.unique(piece)
    if len(names) <= MAX_PARTS:
        pieces = [faces[piece == name] for name in names]
        if all(_is_convex(vertices, one) for one in pieces):
            return [vertices[np.unique(one)] for one in pieces]
    # Corners that lie in one place are one corner: to split, one has to know inside from outside.
    corners, index = np.unique(vertices, axis=0, return_inverse=True)
    parts = split(*reduced(corners, index.reshape(-1)[faces], MAX_TRIANGLES))
    parts = [part for part in parts if not is_flat(part)]  # some are slices without thickness
    if not parts:
        raise ValueError("no convex part was found in it")
    return parts


def reduced(vertices: Array, faces: Faces, limit: int) -> tuple[Array, Faces]:
    """The mesh, with about `limit` triangles where it has more.

    Garland and Heckbert, "Surface Simplification Using Quadric Error Metrics", SIGGRAPH 1997.
    """
    if len(faces) <= limit:
        return vertices, faces
    vertices, faces = fast_simplification.simplify(vertices, faces, target_count=limit)
    return vertices, faces


def split(vertices: Array, faces: Faces) -> list[Array]:
    """Corners of the convex parts that V-HACD makes of it."""
    hulls = vhacdx.compute_vhacd(
        vertices,
        np.column_stack([np.full(len(faces), 3), faces]).ravel().astype(np.uint32),
        maxConvexHulls=MAX_PARTS,
        resolution=50_000,
        minimumVolumePercentErrorAllowed=3.0,
        maxNumVerticesPerCH=MAX_PART_VERTICES,
        asyncACD=False,
    )
    return [np.asarray(corners, dtype=float) for corners, _ in hulls]


def _is_convex(vertices: Array, faces: Faces) -> bool:
    """Whether these faces close, and no corner of theirs lies in front of any of them.

    To a thousandth of the size: trimesh's own test allows a hundredth of that, which files of few digits miss.
    """
    corners = vertices[np.unique(faces)]
    if len(corners) > MAX_PART_VERTICES:
        return False
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    if (np.unique(edges, axis=0, return_counts=True)[1] != 2).any():
        return False
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    normals = np.cross(b - a, c - a)
    area = np.linalg.norm(normals, axis=1)
    solid = area > 1e-9 * area.max()
    normals = normals[solid] / area[solid, None]
    height = normals @ corners.T - np.sum(normals * a[solid], axis=1)[:, None]
    tolerance = 1e-3 * np.ptp(corners, axis=0).max()
    return bool((height < tolerance).all() or (height > -tolerance).all())
