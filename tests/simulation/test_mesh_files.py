"""Meshes as CAD programs write them are read as they mean, and what is damaged is refused by name."""

import itertools
import json
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.simulation import ply_glb
from qtopt_agent.simulation.mesh_files import MAX_BYTES, MAX_COORDINATE, read_mesh

CORNERS = np.array(list(itertools.product((0, 30.0), (0, 40.0), (0, 25.0))))
FACES = np.array(
    [
        *((0, 1, 3), (0, 3, 2), (4, 6, 7), (4, 7, 5), (0, 4, 5), (0, 5, 1)),
        *((2, 3, 7), (2, 7, 6), (0, 2, 6), (0, 6, 4), (1, 5, 7), (1, 7, 3)),
    ]
)


def obj(corners: np.ndarray = CORNERS) -> bytes:
    vertices = "".join(f"v {x:g} {y:g} {z:g}\n" for x, y, z in corners)
    return (vertices + "".join(f"f {a} {b} {c}\n" for a, b, c in FACES + 1)).encode()


def text_stl(name: str = "box") -> str:
    facets = "".join(
        " facet normal 0 0 0\n  outer loop\n"
        + "".join("   vertex {:g} {:g} {:g}\n".format(*CORNERS[i]) for i in face)
        + "  endloop\n endfacet\n"
        for face in FACES
    )
    return f"solid {name}\n{facets}endsolid {name}\n"


def binary_stl(head: bytes = b"made here", count: int = len(FACES)) -> bytes:
    triangles = (struct.pack("<12fH", 0, 0, 0, *CORNERS[face].ravel(), 0) for face in FACES)
    return head.ljust(80) + struct.pack("<I", count) + b"".join(triangles)


def ply(kind: str = "ascii") -> bytes:
    header = f"ply\nformat {kind} 1.0\ncomment TextureFile skin.png\nelement vertex 8\n"
    header += "".join(f"property float {axis}\n" for axis in "xyz")
    header += f"element face {len(FACES)}\nproperty list uchar int vertex_indices\nend_header\n"
    if kind == "ascii":
        rows = "".join("{:g} {:g} {:g}\n".format(*corner) for corner in CORNERS)
        return (header + rows + "".join("3 {} {} {}\n".format(*face) for face in FACES)).encode()
    order = "<" if kind == "binary_little_endian" else ">"
    corners = b"".join(struct.pack(order + "3f", *corner) for corner in CORNERS)
    return header.encode() + corners + b"".join(struct.pack(order + "B3i", 3, *face) for face in FACES)


def quads_ply() -> bytes:
    """The box of squares, but for one that is cut in two."""
    squares = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7), (1, 7, 3)]
    head, _, _ = ply().partition(b"3 0 1 3\n")
    rows = "".join(f"{len(square)} {' '.join(map(str, square))}\n" for square in squares)
    return head.replace(b"face 12", b"face 7") + rows.encode()


# Position, normal and texture of each corner, as exporters write hard edges: no two triangles share a vertex.
GLTF: dict[str, Any] = {
    "asset": {"version": "2.0"},
    "buffers": [{"byteLength": 36 * 12}],
    "bufferViews": [{"buffer": 0, "byteLength": 36 * 12}],
    "accessors": [{"bufferView": 0, "componentType": 5126, "count": 36, "type": "VEC3"}],
    "images": [{"uri": "skin.png"}],
    "textures": [{"source": 0}],
    "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
    "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "material": 0}]}],
    "nodes": [{"mesh": 0}],
    "scenes": [{"nodes": [0]}],
}


def glb(tail: bytes = b"", **changed: Any) -> bytes:
    text = json.dumps(GLTF | changed).encode()
    text += b" " * (-len(text) % 4)
    corners = CORNERS[FACES].astype("<f4").tobytes() + tail
    chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(corners), b"BIN\0") + corners
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


BOXES = {
    "plain.obj": obj(),
    "byte_order_mark.obj": b"\xef\xbb\xbf" + obj(),
    "byte_order_mark_and_unused_vertex.obj": b"\xef\xbb\xbf" + obj(np.vstack([CORNERS, [[500.0] * 3]])),
    "unused_vertex_not_finite.obj": obj(np.vstack([CORNERS, [[np.nan] * 3]])),
    "continued_lines.obj": obj().replace(b"f 2 8 4", b"f 2 8 \\\n4").replace(b"v 30 40 25", b"v 30 \\\r\n 40 25"),
    "plain.stl": text_stl().encode(),
    "byte_order_mark.stl": b"\xef\xbb\xbf" + text_stl().encode(),
    "capitals.stl": text_stl().upper().encode(),
    "one_line.stl": " ".join(text_stl().split()).encode(),
    "named_like_a_keyword.stl": text_stl("vertex 1 2 3").encode(),
    "binary.stl": binary_stl(),
    "binary_called_solid.stl": binary_stl(b"solid made here"),
    "binary_padded.stl": binary_stl() + bytes(92),
    "binary_called_solid_and_padded.stl": binary_stl(b"solid facet") + b"\n",
    "plain.ply": ply(),
    "returns.ply": ply().replace(b"\n", b"\r\n") + b"\r\n",
    "little.ply": ply("binary_little_endian"),
    "big.ply": ply("binary_big_endian"),
    "plain.glb": glb(),
    "harmless_extension.glb": glb(extensionsRequired=["KHR_materials_unlit"]),
}


@pytest.mark.parametrize("name", BOXES)
def test_the_ways_to_write_a_box_give_that_box(name, tmp_path):
    (tmp_path / name).write_bytes(BOXES[name])
    vertices, faces = read_mesh(tmp_path / name)
    assert sorted(map(tuple, vertices)) == sorted(map(tuple, CORNERS))
    np.testing.assert_array_equal(vertices[faces], CORNERS[FACES])


REFUSED = {
    "zero.obj": (obj().replace(b"f 1 2 4", b"f 0 2 4"), "names vertex 0, and they count from 1"),
    "before.obj": (obj().replace(b"f 1 2 4", b"f -9 2 4"), "a vertex that does not exist"),
    "huge.obj": (obj().replace(b"f 1 2 4", b"f " + b"9" * 30 + b" 2 4"), "not a readable OBJ file"),
    "far.obj": (obj().replace(b"v 30 40 25", b"v 1e300 40 25"), "farther than 1e.09 from the origin"),
    "nan.stl": (text_stl().replace("30 40 25", "nan 40 25").encode(), "a vertex is not finite"),
    "fewer.stl": (binary_stl(count=6), "300 bytes follow the 6 triangles that it announces"),
    "none.stl": (binary_stl(count=0), "600 bytes follow the 0 triangles"),
    "more.stl": (binary_stl(count=13), "do not fit the 13 triangles"),
    "most.stl": (binary_stl(count=2**32 - 1), "do not fit the 4294967295 triangles"),
    "cut.stl": (text_stl()[:700].encode(), "cut short after 6 facets"),
    "cut_between.stl": (text_stl().partition("endsolid")[0].encode(), "cut short after 12 facets"),
    "vertex_lost.stl": (text_stl().replace("   vertex 30 40 25\n", "", 1).encode(), "has not three vertices"),
    "pointer.obj": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git lfs pull"),
    "pointer.glb": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git lfs pull"),
    "headless.ply": (ply().partition(b"end_header")[0], "its header does not end"),
    "points.ply": (ply().replace(b"element face", b"element edge"), "announces no vertices and faces"),
    "cut.ply": (ply()[:-24], "17 lines follow its header, expected 20"),
    "short_row.ply": (ply().replace(b"3 1 7 3\n", b"3 1 7\n"), "11 triangles can be made of the 12 faces"),
    "cut_binary.ply": (ply("binary_big_endian")[:-24], "unexpected length"),
    "missing.ply": (ply().replace(b"3 1 7 3\n", b"3 1 8 3\n"), r"a vertex that does not exist \(8 vertices\)"),
    "negative.ply": (ply().replace(b"3 1 7 3\n", b"3 1 -1 3\n"), "a vertex that does not exist"),
    "nan.ply": (ply().replace(b"30 40 25", b"nan 40 25"), "a vertex is not finite"),
    "short.glb": (glb()[:16], "it has 16 bytes, expected a header of 20"),
    "cut.glb": (glb()[:-12], "which its header does not announce"),
    "text.glb": (json.dumps(GLTF).encode(), "which its header does not announce as binary glTF"),
    "twice.glb": (glb().replace(b'"version"', b'"buffers": 1, "buffers"'), "its header"),
    "no_scene.glb": (glb(scenes=[]), "not a readable GLB file"),
    "empty_scene.glb": (glb(scenes=[{"nodes": []}]), "the mesh has no triangles"),
    "elsewhere.glb": (
        glb(buffers=[{"byteLength": 432, "uri": "http://127.0.0.1/x.bin"}]),
        "expected it in the file",
    ),
    "packed.glb": (glb(extensionsRequired=["KHR_draco_mesh_compression"]), "needs KHR_draco_mesh_compression"),
    "bare.glb": (glb(accessors=[{"componentType": 5126, "count": 36, "type": "VEC3"}]), "has no data"),
    "sparse.glb": (glb(accessors=[GLTF["accessors"][0] | {"sparse": {}}]), "an accessor is sparse"),
    "shared.glb": (
        glb(bytes(10_000), bufferViews=[{"buffer": 0, "byteLength": 10_432}] * 90),
        "it makes 938880 bytes or numbers out of",
    ),
    "many.glb": (
        glb(nodes=[{"mesh": 0}] * 3000, scenes=[{"nodes": [*range(3000)]}]),
        "it stands for 36000 triangles",
    ),
    "far.glb": (glb(nodes=[{"mesh": 0, "translation": [1e10, 0, 0]}]), "farther than 1e.09 from the origin"),
    "list.glb": (glb(meshes="none"), "not a readable GLB file"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_mesh_is_refused_with_the_reason(name, tmp_path, monkeypatch):
    data, message = REFUSED[name]
    monkeypatch.setattr(ply_glb, "MAX_TRIANGLES", 30_000)
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InvalidInput, match=message) as refused:
        read_mesh(tmp_path / name)
    assert name in str(refused.value)


def test_squares_and_triangles_side_by_side_are_read(tmp_path):
    (tmp_path / "squares.ply").write_bytes(quads_ply())
    vertices, faces = read_mesh(tmp_path / "squares.ply")
    assert len(vertices) == 8 and len(faces) == 12
    assert np.linalg.det(vertices[faces]).sum() / 6 == pytest.approx(30 * 40 * 25)


def test_each_mesh_of_a_scene_stands_where_its_nodes_put_it_apart_from_the_others(tmp_path):
    turned = {"mesh": 0, "rotation": [0, 0, 0.5**0.5, 0.5**0.5], "translation": [100, 0, 0]}  # a quarter about z
    nodes = [{"children": [1, 2], "scale": [2, 2, 2]}, {"mesh": 0}, turned, {"mesh": 0}]
    (tmp_path / "scene.glb").write_bytes(glb(nodes=nodes))  # its scene has node 0, not 3
    vertices, faces = read_mesh(tmp_path / "scene.glb")
    assert len(vertices) == 16 and len(faces) == 24
    halves = sorted((vertices[faces[i : i + 12]].reshape(-1, 3) for i in (0, 12)), key=lambda half: half[:, 0].min())
    for half, low, high in zip(halves, ([0, 0, 0], [120, 0, 0]), ([60, 80, 50], [200, 60, 50]), strict=True):
        np.testing.assert_allclose((half.min(0), half.max(0)), (low, high), atol=1e-9)
    assert not set(faces[:12].ravel()) & set(faces[12:].ravel())


@pytest.mark.parametrize("name", ["plain.ply", "plain.glb"])
def test_the_pictures_that_a_mesh_names_are_not_opened(name, tmp_path, monkeypatch):
    opened = []
    really_open = open

    def watched(*args: Any, **kwargs: Any) -> Any:
        opened.append(args)
        return really_open(*args, **kwargs)

    (tmp_path / "skin.png").write_bytes(b"not for reading")
    (tmp_path / name).write_bytes(BOXES[name])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("builtins.open", watched)
    read_mesh(Path(name))
    assert not opened


def test_what_is_no_file_or_too_large_is_never_read(tmp_path):
    os.mkfifo(tmp_path / "pipe.obj")
    (tmp_path / "folder.obj").mkdir()
    for name in ("pipe.obj", "folder.obj", "missing.obj"):
        with pytest.raises(InvalidInput, match=name):
            read_mesh(tmp_path / name)
    with (tmp_path / "large.stl").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(InvalidInput, match=r"large\.stl is larger than 256 MiB"):
        read_mesh(tmp_path / "large.stl")


@pytest.mark.parametrize("name", ["plain.obj", "plain.stl", "binary.stl", "plain.ply", "little.ply", "plain.glb"])
def test_a_damaged_mesh_is_refused_by_name_or_is_a_mesh(name, tmp_path, mutations):
    path = Path(tmp_path / name)
    for data in mutations(BOXES[name]):
        path.unlink(missing_ok=True)
        path.write_bytes(data)
        try:
            vertices, faces = read_mesh(path)
        except InvalidInput as error:
            assert name in str(error)
            continue
        assert len(faces) and set(np.unique(faces)) == set(range(len(vertices)))
        assert (np.abs(vertices) <= MAX_COORDINATE).all()
