"""Splits a mesh into convex parts, which is what contacts are computed between.

V-HACD: Mamou, "Volumetric Hierarchical Approximate Convex Decomposition", Game Engine Gems 3, 2016.
"""

import numpy as np
import vhacdx
from numpy.typing import NDArray

from qtopt_agent.simulation.mesh_files import Faces

Array = NDArray[np.float64]

MAX_PARTS = 16
MAX_PART_VERTICES = 64


def convex_parts(vertices: Array, faces: Faces) -> list[Array]:
    """Corners of at most MAX_PARTS convex pieces; pieces that are convex as they come are taken as they are."""
    pieces = _pieces(len(vertices), faces)
    if len(pieces) <= MAX_PARTS and all(_is_convex(vertices, piece) for piece in pieces):
        return [vertices[np.unique(piece)] for piece in pieces]
    # Corners that lie in one place are one corner: V-HACD needs to know inside from outside.
    corners, index = np.unique(vertices, axis=0, return_inverse=True)
    triangles = index.reshape(-1)[faces]
    hulls = vhacdx.compute_vhacd(
        corners,
        np.column_stack([np.full(len(triangles), 3), triangles]).ravel().astype(np.uint32),
        maxConvexHulls=MAX_PARTS,
        resolution=50_000,
        minimumVolumePercentErrorAllowed=3.0,
        maxNumVerticesPerCH=MAX_PART_VERTICES,
        asyncACD=False,
    )
    if not hulls:
        raise ValueError("no convex part was found in it")
    return [np.asarray(corners, dtype=float) for corners, _ in hulls]


def _pieces(count: int, faces: Faces) -> list[Faces]:
    """The faces, split into sets that share no vertex."""
    label = np.arange(count)
    while True:  # every vertex takes the smallest label of its faces, until nothing changes
        smallest = label[faces].min(1)
        new = label.copy()
        np.minimum.at(new, faces.ravel(), np.repeat(smallest, 3))
        if (new == label).all():
            break
        label = new
    return [faces[label[faces[:, 0]] == piece] for piece in np.unique(label[faces[:, 0]])]


def _is_convex(vertices: Array, faces: Faces) -> bool:
    """Whether these faces close, and no corner of theirs lies in front of any of them."""
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
