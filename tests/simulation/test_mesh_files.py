"""Meshes as CAD programs write them are read as they mean, and what is damaged is refused by name."""

import itertools
import os
import struct
from pathlib import Path

import numpy as np
import pytest

from qtopt_agent.core.errors import InvalidInput
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
}


@pytest.mark.parametrize("name", BOXES)
def test_the_ways_to_write_a_box_give_that_box(name, tmp_path):
    (tmp_path / name).write_bytes(BOXES[name])
    vertices, faces = read_mesh(tmp_path / name)
    assert sorted(map(tuple, vertices)) == sorted(map(tuple, CORNERS))
    np.testing.assert_array_equal(vertices[faces], CORNERS[FACES])


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("zero.obj", obj().replace(b"f 1 2 4", b"f 0 2 4"), "names vertex 0, and they count from 1"),
        ("before.obj", obj().replace(b"f 1 2 4", b"f -9 2 4"), "a vertex that does not exist"),
        ("huge.obj", obj().replace(b"f 1 2 4", b"f " + b"9" * 30 + b" 2 4"), "not a readable OBJ file"),
        ("far.obj", obj().replace(b"v 30 40 25", b"v 1e300 40 25"), "farther than 1e.09 from the origin"),
        ("nan.stl", text_stl().replace("30 40 25", "nan 40 25").encode(), "a vertex is not finite"),
        ("fewer.stl", binary_stl(count=6), "300 bytes follow the 6 triangles that it announces"),
        ("none.stl", binary_stl(count=0), "600 bytes follow the 0 triangles"),
        ("more.stl", binary_stl(count=13), "do not fit the 13 triangles"),
        ("most.stl", binary_stl(count=2**32 - 1), "do not fit the 4294967295 triangles"),
        ("cut.stl", text_stl()[:700].encode(), "cut short after 6 facets"),
        ("cut_between.stl", text_stl().partition("endsolid")[0].encode(), "cut short after 12 facets"),
        ("vertex_lost.stl", text_stl().replace("   vertex 30 40 25\n", "", 1).encode(), "has not three vertices"),
        ("pointer.obj", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git lfs pull"),
    ],
)
def test_what_is_no_mesh_is_refused_with_the_reason(name, data, message, tmp_path):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InvalidInput, match=message) as refused:
        read_mesh(tmp_path / name)
    assert name in str(refused.value)


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


@pytest.mark.parametrize("name", ["plain.obj", "plain.stl", "binary.stl"])
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
