"""Reads PLY and binary glTF by trimesh, after checks of what it would let pass.

Nothing but the bytes given is read: no other file, no address, no picture.
"""

import io
import re
import struct
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from qtopt_agent.documents import parse_json

Vertices = NDArray[np.float64]  # [N, 3], in the file's unit
Faces = NDArray[np.int64]  # [M, 3], indices into the vertices

MAX_TRIANGLES = 10_000_000  # of a scene, in which one mesh may stand many times

_GLB_HEAD = struct.Struct("<4sIII4s")  # magic, version, bytes of the file, bytes of the JSON chunk, its kind
_SHARED = 16  # times over that a glTF may use its bytes; a few are usual, where columns lie side by side
_HARMLESS = ("KHR_materials_", "KHR_texture_")  # extensions that change no shape


def read_ply(data: bytes) -> tuple[Vertices, Faces]:
    """Vertices and triangles of a PLY file, text or binary. Raises ValueError unless it is whole."""
    header, end, rows = data.partition(b"end_header")
    announced = {kind: int(count) for kind, count in re.findall(rb"^\s*element\s+(\w+)\s+(\d+)\s*$", header, re.M)}
    if not end or b"vertex" not in announced or b"face" not in announced:
        raise ValueError("its header does not end, or announces no vertices and faces")
    lines, expected = len(rows.strip().splitlines()), sum(announced.values())
    if re.search(rb"^\s*format\s+ascii\b", header, re.M) and lines != expected:
        raise ValueError(f"{lines} lines follow its header, expected {expected}")
    vertices, faces = _scene(data, "ply")
    if len(faces) < announced[b"face"]:
        raise ValueError(f"{len(faces)} triangles can be made of the {announced[b'face']} faces that it announces")
    return vertices, faces


def read_glb(data: bytes) -> tuple[Vertices, Faces]:
    """Vertices and triangles of all that stands in the scene of a .glb file, where it stands there.

    Raises ValueError unless the file is whole and has all its triangles in itself.
    """
    if len(data) < _GLB_HEAD.size:
        raise ValueError(f"it has {len(data)} bytes, expected a header of {_GLB_HEAD.size}")
    magic, _, length, chunk, kind = _GLB_HEAD.unpack_from(data)
    if (magic, kind, length) != (b"glTF", b"JSON", len(data)):
        raise ValueError(f"it has {len(data)} bytes, which its header does not announce as binary glTF")
    try:
        _check_gltf(parse_json(data[_GLB_HEAD.size : _GLB_HEAD.size + chunk].decode(), "its header"), len(data))
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"its header is not one of glTF: {error!r}") from error
    return _scene(data, "glb")


def _check_gltf(header: dict[str, Any], size: int) -> None:
    """Raises ValueError where shapes lie elsewhere, or are packed in a way that trimesh would take for zeros."""
    needed = [name for name in header.get("extensionsRequired", []) if not name.startswith(_HARMLESS)]
    if needed:
        raise ValueError(f"it needs {needed[0]}, expected triangles that are not packed")
    for buffer in header.get("buffers", []):
        if "uri" in buffer:
            raise ValueError(f"its data lies in {buffer['uri'][:80]!r}, expected it in the file itself")
    views, accessors = header.get("bufferViews", []), header.get("accessors", [])
    if any("sparse" in accessor or "bufferView" not in accessor for accessor in accessors):
        raise ValueError("an accessor is sparse or has no data, expected all numbers written out")
    for used in (sum(view["byteLength"] for view in views), sum(accessor["count"] for accessor in accessors)):
        if used > _SHARED * size:
            raise ValueError(f"it makes {used} bytes or numbers out of {size} bytes")


@np.errstate(all="ignore")  # NaN, which is noticed later
def _scene(data: bytes, kind: str) -> tuple[Vertices, Faces]:
    """All triangles of a file, those of each mesh apart from the others'. Within one, a place is one vertex."""
    try:
        scene = trimesh.load_scene(io.BytesIO(data), kind, skip_materials=True, process=False)
        placed = [scene.graph[node] for node in scene.graph.nodes_geometry]
        meshes = [(matrix, scene.geometry[name]) for matrix, name in placed]
    except Exception as error:  # trimesh raises whatever the damage leads to
        raise ValueError(f"{type(error).__name__}: {error}") from error
    meshes = [(matrix, mesh) for matrix, mesh in meshes if isinstance(mesh, trimesh.Trimesh)]
    total = sum(len(mesh.faces) for _, mesh in meshes)
    if total > MAX_TRIANGLES:
        raise ValueError(f"it stands for {total} triangles, expected at most {MAX_TRIANGLES}")
    vertices, faces, count = [np.zeros((0, 3))], [np.zeros((0, 3), np.int64)], 0
    for matrix, mesh in meshes:
        if mesh.faces.min(initial=0) < 0 or mesh.faces.max(initial=-1) >= len(mesh.vertices):
            raise ValueError(f"a face names a vertex that does not exist ({len(mesh.vertices)} vertices)")
        places, index = np.unique(mesh.vertices, axis=0, return_inverse=True)
        vertices.append(trimesh.transform_points(places, matrix))
        faces.append(count + index.reshape(-1)[mesh.faces])
        count += len(places)
    return np.concatenate(vertices), np.concatenate(faces)
