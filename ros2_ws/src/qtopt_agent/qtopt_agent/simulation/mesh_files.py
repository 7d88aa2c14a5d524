"""Reads triangle meshes: OBJ, and STL as text or binary."""

from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.errors import InvalidInput

Vertices = NDArray[np.float64]  # [N, 3], in the file's unit
Faces = NDArray[np.int64]  # [M, 3], indices into the vertices

_STL_TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])


def read_mesh(path: Path) -> tuple[Vertices, Faces]:
    """Vertices and triangles of an .obj or .stl file. Raises InvalidInput, naming the file, unless it holds a mesh."""
    data = path.read_bytes()
    try:
        vertices, faces = _read_stl(data) if path.suffix.lower() == ".stl" else _read_obj(data)
    except (ValueError, IndexError) as error:
        raise InvalidInput(f"{path}: not a readable {path.suffix[1:].upper()} file ({error})") from error
    if not len(faces):
        raise InvalidInput(f"{path}: the mesh has no triangles")
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise InvalidInput(f"{path}: a face names a vertex that does not exist ({len(vertices)} vertices)")
    if not np.isfinite(vertices).all():
        raise InvalidInput(f"{path}: a vertex is not finite")
    used, index = np.unique(faces, return_inverse=True)
    return vertices[used], index.reshape(-1, 3)


def _read_obj(data: bytes) -> tuple[Vertices, Faces]:
    vertices: list[list[float]] = []
    faces: list[tuple[int, int, int]] = []
    for line in data.decode("utf-8", errors="replace").splitlines():
        kind, *words = line.split() or [""]
        if kind == "v":
            x, y, z = words[:3]  # a weight or a colour may follow
            vertices.append([float(x), float(y), float(z)])
        elif kind == "f":
            # "vertex/texture/normal", counted from 1, or back from the newest vertex if negative.
            numbers = [int(word.split("/")[0]) for word in words]
            corners = [n - 1 if n > 0 else len(vertices) + n for n in numbers]
            faces += [(corners[0], a, b) for a, b in pairwise(corners[1:])]
    return np.array(vertices, dtype=float).reshape(-1, 3), np.array(faces, dtype=np.int64).reshape(-1, 3)


def _read_stl(data: bytes) -> tuple[Vertices, Faces]:
    count = int.from_bytes(data[80:84], "little")
    # Binary files may start with "solid" too: only the length tells them from text.
    if len(data) == 84 + count * _STL_TRIANGLE.itemsize:
        corners = np.frombuffer(data, _STL_TRIANGLE, count, offset=84)["corners"].astype(float)
    elif data.lstrip()[:5].lower() == b"solid":
        words = [line.split() for line in data.decode("utf-8", errors="replace").splitlines()]
        corners = np.array([[float(x) for x in word[1:4]] for word in words if word[:1] == ["vertex"]])
    else:
        raise ValueError(f"{len(data)} bytes do not fit the {count} triangles it announces")
    # Triangles of an STL repeat their corners.
    vertices, index = np.unique(corners.reshape(-1, 3), axis=0, return_inverse=True)
    return vertices, index.reshape(-1, 3).astype(np.int64)
