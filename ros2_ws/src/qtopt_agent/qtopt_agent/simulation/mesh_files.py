"""Reads triangle meshes: OBJ, STL, PLY and binary glTF.

OBJ and STL are read here, because trimesh takes damaged ones for whole and some whole ones for others.
"""

import re
from itertools import pairwise
from pathlib import Path

import numpy as np

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.simulation.ply_glb import Faces, Vertices, read_glb, read_ply

MAX_BYTES = 256 * 2**20
MAX_COORDINATE = 1e9  # in the file's unit: squares and products stay finite

_STL_TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_STL_HEAD = 84  # 80 bytes for anybody, 4 for the number of triangles


def read_mesh(path: Path) -> tuple[Vertices, Faces]:
    """Vertices and triangles of a file in one of FORMATS. Raises InvalidInput, naming it, unless it holds a mesh."""
    if path.suffix.lower() not in FORMATS:
        raise InvalidInput(f"{path}: expected a mesh, {', '.join(FORMATS)}")
    data = read_file(path)
    try:
        vertices, faces = FORMATS[path.suffix.lower()](data)
    except (ValueError, IndexError, OverflowError) as error:
        raise InvalidInput(f"{path}: not a readable {path.suffix[1:].upper()} file ({error})") from error
    if not len(faces):
        raise InvalidInput(f"{path}: the mesh has no triangles")
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise InvalidInput(f"{path}: a face names a vertex that does not exist ({len(vertices)} vertices)")
    used, index = np.unique(faces, return_inverse=True)
    vertices = vertices[used]
    if not (np.abs(vertices) <= MAX_COORDINATE).all():  # NaN is not, either
        raise InvalidInput(f"{path}: a vertex is not finite, or farther than {MAX_COORDINATE:g} from the origin")
    return vertices, index.reshape(-1, 3)


def read_file(path: Path) -> bytes:
    """The bytes of a mesh's file. Raises InvalidInput where there is none, it is too large, or stands for another."""
    try:
        if not path.is_file():  # a pipe would be waited for
            raise InvalidInput(f"{path} is not there, or no file, expected a mesh")
        if path.stat().st_size > MAX_BYTES:
            raise InvalidInput(f"{path} is larger than {MAX_BYTES >> 20} MiB, expected a smaller mesh")
        data = path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror}") from error
    if data.startswith(b"version https://git-lfs"):
        raise InvalidInput(f"{path} is a Git LFS pointer in place of the mesh: fetch it with `git lfs pull`")
    return data


def _read_obj(data: bytes) -> tuple[Vertices, Faces]:
    vertices: list[list[float]] = []
    faces: list[tuple[int, int, int]] = []
    text = re.sub(r"\\\r?\n", " ", data.decode("utf-8-sig", errors="replace"))  # a line may go on on the next one
    for line in text.splitlines():
        kind, *words = line.split() or [""]
        if kind == "v":
            x, y, z = words[:3]  # a weight or a colour may follow
            vertices.append([float(x), float(y), float(z)])
        elif kind == "f":
            # "vertex/texture/normal", counted from 1, or back from the newest vertex if negative.
            numbers = [int(word.split("/")[0]) for word in words]
            if 0 in numbers:
                raise ValueError("a face names vertex 0, and they count from 1")
            corners = [n - 1 if n > 0 else len(vertices) + n for n in numbers]
            faces += [(corners[0], a, b) for a, b in pairwise(corners[1:])]
    return np.array(vertices, dtype=float).reshape(-1, 3), np.array(faces, dtype=np.int64).reshape(-1, 3)


def _read_stl(data: bytes) -> tuple[Vertices, Faces]:
    count = int.from_bytes(data[80:_STL_HEAD], "little")
    end = _STL_HEAD + count * _STL_TRIANGLE.itemsize
    # Binary files may start with "solid" too, but no text is as long as its bytes 80 to 83 would announce.
    if len(data) >= max(end, _STL_HEAD):
        if data[end:].strip(b"\0 \t\r\n"):
            raise ValueError(f"{len(data) - end} bytes follow the {count} triangles that it announces")
        with np.errstate(invalid="ignore"):  # NaN, which is noticed later
            corners = np.frombuffer(data, _STL_TRIANGLE, count, offset=_STL_HEAD)["corners"].astype(float)
    elif data.lstrip(b"\xef\xbb\xbf \t\r\n")[:5].lower() == b"solid":
        corners = _stl_text(data.decode("utf-8-sig", errors="replace"))
    else:
        raise ValueError(f"{len(data)} bytes do not fit the {count} triangles it announces, and it is no text")
    # Triangles of an STL repeat their corners.
    vertices, index = np.unique(corners.reshape(-1, 3), axis=0, return_inverse=True)
    return vertices, index.reshape(-1, 3).astype(np.int64)


def _stl_text(text: str) -> Vertices:
    """All corners [3 M, 3]; capitals and line breaks mean nothing."""
    *facets, rest = re.split(r"\bendfacet\b", text.lower())
    corners: list[tuple[str, str, str]] = []
    for facet in facets:
        _, *loops = re.split(r"\bfacet\s+normal\b", facet)
        found = re.findall(r"\bvertex\s+(\S+)\s+(\S+)\s+(\S+)", loops[0]) if len(loops) == 1 else []
        if len(found) != 3:
            raise ValueError(f"facet {len(corners) // 3 + 1} has not three vertices")
        corners += found
    if not re.search(r"\bendsolid\b", rest) or re.search(r"\bfacet\b", rest):
        raise ValueError(f"it is cut short after {len(facets)} facets, expected endsolid")
    return np.array([[float(x) for x in corner] for corner in corners], dtype=float).reshape(-1, 3)


FORMATS = {".obj": _read_obj, ".stl": _read_stl, ".ply": read_ply, ".glb": read_glb}
