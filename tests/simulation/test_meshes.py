"""Objects from a folder of meshes."""

import struct
from pathlib import Path

import numpy as np
import pytest
import trimesh
import vhacdx

from qtopt_agent.core.errors import InvalidInput, StorageError
from qtopt_agent.core.profile import LOWDIM
from qtopt_agent.rollouts.episode_runner import EpisodeRunner
from qtopt_agent.simulation import convex, make_robot
from qtopt_agent.simulation.mesh_files import read_mesh
from qtopt_agent.simulation.meshes import MAX_WIDTH, _mass, _read_cache, load_mesh, load_meshes
from qtopt_agent.simulation.objects import ObjectSpec
from qtopt_agent.simulation.scripted import ScriptedPolicy

CORNERS = np.array([(x, y, z) for z in (0, 1) for x, y in ((0, 0), (1, 0), (1, 1), (0, 1))], dtype=float)
QUADS = [(4, 3, 2, 1), (5, 6, 7, 8), (1, 2, 6, 5), (2, 3, 7, 6), (3, 4, 8, 7), (4, 1, 5, 8)]


def _obj(vertices: np.ndarray, faces: list[tuple[int, ...]]) -> str:
    lines = ["v {} {} {}".format(*v) for v in vertices] + ["f " + " ".join(map(str, face)) for face in faces]
    return "# made for a test\n" + "\n".join(lines) + "\n"


def _block(size: tuple[float, float, float], corner: tuple[float, float, float] = (0, 0, 0)) -> np.ndarray:
    return CORNERS * size + corner


def _prism(outline: list[tuple[float, float]], height: float) -> str:
    """A solid over a polygon that is star-shaped from its first corner."""
    n = len(outline)
    vertices = [(x, y, z) for z in (0.0, height) for x, y in outline]
    sides = [(i + 1, (i + 1) % n + 1, (i + 1) % n + 1 + n, i + 1 + n) for i in range(n)]
    bottom = [(1, i + 2, i + 1) for i in range(1, n - 1)]
    top = [(1 + n, i + 1 + n, i + 2 + n) for i in range(1, n - 1)]
    return _obj(np.array(vertices), [*bottom, *top, *sides])


# An L of two arms of 90 x 30 and 60 x 30 mm, 30 mm high; the inner corner comes first.
ELL = _prism([(0.03, 0.03), (0.03, 0.09), (0, 0.09), (0, 0), (0.09, 0), (0.09, 0.03)], 0.03)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "things").mkdir()
    return tmp_path / "things"


def test_obj_and_both_kinds_of_stl_give_the_same_solid(folder: Path) -> None:
    (folder / "a.obj").write_text(_obj(CORNERS, QUADS))
    vertices, faces = read_mesh(folder / "a.obj")
    triangles = vertices[faces]
    text = "solid a\n" + "".join(
        "facet normal 0 0 0\nouter loop\n" + "".join("vertex {} {} {}\n".format(*v) for v in t) + "endloop\nendfacet\n"
        for t in triangles
    )
    (folder / "b.stl").write_text(text + "endsolid a\n")
    binary = b"solid but binary".ljust(80) + struct.pack("<I", len(triangles))
    binary += b"".join(struct.pack("<12fH", 0, 0, 0, *t.ravel(), 0) for t in triangles)
    (folder / "c.STL").write_bytes(binary)
    (folder / "d.obj").write_text(_obj(CORNERS, [tuple(n - 9 for n in quad) for quad in QUADS]))  # counted from the end
    for name in ("b.stl", "c.STL", "d.obj"):
        other, index = read_mesh(folder / name)
        assert len(other) == 8 and np.array_equal(other[index], triangles)


def test_what_fits_the_jaw_keeps_its_size_and_the_rest_is_made_to_fit(folder: Path) -> None:
    sizes = {
        "fits": ((0.03, 0.06, 0.02), (0.03, 0.06, 0.02)),
        "wide": ((0.2, 0.2, 0.2), (MAX_WIDTH, MAX_WIDTH, MAX_WIDTH)),
        "long": ((0.02, 0.24, 0.02), (0.01, 0.12, 0.01)),
        "in millimetres": ((30, 60, 20), (0.05, 0.10, 0.0333)),
        "tiny": ((0.003, 0.006, 0.002), (0.015, 0.03, 0.01)),
    }
    for name, (size, expected) in sizes.items():
        (folder / f"{name}.obj").write_text(_obj(_block(size), QUADS))
        spec = load_mesh(folder / f"{name}.obj", name)
        assert np.ptp(spec.outline, axis=0) == pytest.approx(expected, abs=2e-3)


def test_pieces_that_are_convex_stay_as_they_are_and_others_are_split(folder: Path) -> None:
    shifted = [tuple(n + 8 for n in quad) for quad in QUADS]
    two = np.concatenate([_block((0.03, 0.03, 0.03)), _block((0.05, 0.02, 0.02), (0.02, 0.005, 0.005))])
    (folder / "a.obj").write_text(_obj(two, QUADS + shifted))
    (folder / "b.obj").write_text(ELL)
    blocks, ell = load_meshes(folder)
    assert [len(part.vertices) for part in blocks.parts if part.vertices is not None] == [8, 8]
    assert 2 <= len(ell.parts) <= 16
    # The notch of the L stays open: its hull would hold 31 % more.
    assert _volume(ell) == pytest.approx(_ell_volume(ell), rel=0.08)


def test_a_mesh_of_many_triangles_is_reduced_before_it_is_split(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "ell.obj").write_text(ELL)
    fine = trimesh.Trimesh(*read_mesh(folder / "ell.obj"))
    for _ in range(5):
        fine = fine.subdivide()
    fine.export(folder / "fine.stl")
    split, given = convex.split, []
    monkeypatch.setattr(convex, "split", lambda *mesh: given.append(len(mesh[1])) or split(*mesh))
    monkeypatch.setattr(convex, "MAX_TRIANGLES", 2000)
    coarse, spec = load_meshes(folder)
    assert len(fine.faces) == 20 * 4**5 and given == [20, pytest.approx(2000, rel=0.1)]
    assert _volume(spec) == pytest.approx(_volume(coarse), rel=0.08)


def test_parts_without_thickness_are_left_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "ell.obj").write_text(ELL)
    box, slice_of_it = _block((0.03, 0.06, 0.02)), _block((0.03, 0.06, 0))
    monkeypatch.setattr(convex, "split", lambda *mesh: [slice_of_it, box])
    assert len(load_mesh(folder / "ell.obj", "ell").parts) == 1


def test_triangles_that_do_not_quite_meet_are_split_as_one_solid(folder: Path) -> None:
    (folder / "ell.obj").write_text(ELL)
    vertices, faces = read_mesh(folder / "ell.obj")
    gaps = np.random.default_rng(0).normal(0, 1e-7, (len(faces), 3, 3))
    loose = vertices[faces] + gaps
    (folder / "loose.obj").write_text(_obj(loose.reshape(-1, 3), [(i, i + 1, i + 2) for i in range(1, 61, 3)]))
    whole, apart = load_meshes(folder)
    assert len(apart.parts) <= 16
    assert _volume(apart) == pytest.approx(_volume(whole), rel=0.08)


def test_every_format_gives_the_same_object(folder: Path) -> None:
    (folder / "a.obj").write_text(ELL)
    mesh = trimesh.Trimesh(*read_mesh(folder / "a.obj"))
    for name in ("b.stl", "c.ply", "d.GLB"):
        mesh.export(folder / name, file_type=name[2:].lower())
    specs = load_meshes(folder)
    assert [spec.name for spec in specs] == ["a", "b", "c", "d"]
    for spec in specs[1:]:
        assert _volume(spec) == pytest.approx(_volume(specs[0]), rel=0.05)


def _volume(spec: ObjectSpec) -> float:
    return _mass([part.vertices for part in spec.parts if part.vertices is not None], 1.0)


def _ell_volume(spec: ObjectSpec) -> float:
    """Of the solid L, at the size it was given: it stays on its side, so that its height tells."""
    shrink = np.ptp(spec.outline, axis=0)[2] / 0.03
    return float((0.09 * 0.03 + 0.06 * 0.03) * 0.03 * shrink**3)


def test_outlines_lie_on_the_simulated_shapes_which_rest_on_the_floor(folder: Path) -> None:
    (folder / "a.obj").write_text(ELL)
    (folder / "b.obj").write_text(_obj(_block((0.03, 0.07, 0.02), (5, -3, 2)), QUADS))  # modelled off its origin
    on_its_tip = np.array([(0, 0, 0), (0.02, 0.02, 0.05), (-0.03, 0.01, 0.05), (0.01, -0.02, 0.05)])
    (folder / "c.obj").write_text(_obj(on_its_tip, [(2, 3, 4), (1, 3, 2), (1, 4, 3), (1, 2, 4)]))
    robot = make_robot(LOWDIM, str(folder))
    for spec in load_meshes(folder):
        assert np.abs(spec.outline.max(0) + spec.outline.min(0)).max() < 1e-9  # around its middle
        height = spec.outline[:, 2] - spec.outline[:, 2].min()
        assert (height < 0.001).sum() >= 3  # on a face, not on a tip
    seen = set()
    for seed in range(12):
        robot.reset(seed)
        seen.update(robot.object_names)
        model, data = robot._model, robot._data
        corners = []
        for geom in np.flatnonzero(model.geom_bodyid == model.body("object0").id):
            mesh = model.mesh(model.geom_dataid[geom])
            local = model.mesh_vert[mesh.vertadr[0] :][: mesh.vertnum[0]]
            corners.append(local @ data.geom_xmat[geom].reshape(3, 3).T + data.geom_xpos[geom])
        gaps = np.linalg.norm(robot.outline(0)[:, None] - np.concatenate(corners)[None], axis=2).min(1)
        assert gaps.max() < 1e-5
        assert abs(robot.outline(0)[:, 2].min()) < 1e-3
        moved = robot.outline(0)
        robot.follow(robot.pose()[:3], 0.0, closed=False, duration=0.2)
        assert np.abs(robot.outline(0) - moved).max() < 1e-3
    assert seen == {"a", "b", "c"}


def test_meshes_weigh_what_a_small_arm_lifts(folder: Path) -> None:
    (folder / "light.obj").write_text(_obj(_block((0.03, 0.04, 0.01)), QUADS))
    (folder / "heavy.obj").write_text(_obj(_block((0.049, 0.119, 0.119)), QUADS))
    heavy, light = load_meshes(folder)
    assert _volume(light) * light.density == pytest.approx(0.02)
    assert 0.02 < _volume(heavy) * heavy.density <= 0.3


def test_the_script_lifts_a_mesh(folder: Path) -> None:
    (folder / "ell.obj").write_text(ELL)
    robot = make_robot(LOWDIM, str(folder))
    runner = EpisodeRunner(robot, LOWDIM, robot.succeeded)
    policy = ScriptedPolicy(LOWDIM, clumsiness=0)
    lifted = sum(runner.run(policy, np.random.default_rng(seed), seed, "").success for seed in range(20))
    assert lifted >= 12


def test_the_second_time_nothing_is_split_again(folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "ell.obj").write_text(ELL)
    first = load_mesh(folder / "ell.obj", "ell")
    real = vhacdx.compute_vhacd
    monkeypatch.setattr(vhacdx, "compute_vhacd", None)
    again = load_mesh(folder / "ell.obj", "ell")
    assert np.array_equal(again.outline, first.outline) and again.density == first.density
    (file,) = cache.rglob("*.npz")
    file.write_bytes(file.read_bytes()[:100])  # a damaged entry is built anew
    monkeypatch.setattr(vhacdx, "compute_vhacd", real)
    assert np.array_equal(load_mesh(folder / "ell.obj", "ell").outline, first.outline)


def test_a_damaged_cache_is_never_believed(folder: Path, cache: Path, mutations) -> None:
    (folder / "a.obj").write_text(_obj(_block((0.03, 0.06, 0.02)), QUADS))
    whole = load_mesh(folder / "a.obj", "a")
    (file,) = cache.rglob("*.npz")
    method = bytearray(file.read_bytes())
    method[8] = 8  # not compressed, but said to be
    for data in (bytes(method), *mutations(file.read_bytes())):
        file.unlink()
        file.write_bytes(data)
        read = _read_cache(file, "a")
        assert read is None or (read.density == whole.density and np.array_equal(read.outline, whole.outline))


def test_a_cache_that_cannot_be_written_is_named(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "occupied").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "occupied"))
    (folder / "a.obj").write_text(_obj(CORNERS, QUADS))
    with pytest.raises(StorageError, match="set XDG_CACHE_HOME"):
        load_meshes(folder)


BROKEN = {
    "empty.obj": b"",
    "words.obj": b"v one two three\nf 1 2 3\n",
    "points.obj": b"v 0 0 0\nv 1 0 0\nv 0 1 0\n",
    "beyond.obj": b"v 0 0 0\nv 1 0 0\nv 0 1 1\nf 1 2 9\n",
    "nan.obj": b"v nan 0 0\nv 1 0 0\nv 0 1 1\nf 1 2 3\n",
    "flat.obj": b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n",
    "sliver.obj": b"v 0 0 0\nv 1 0 0\nv 0 1 0.01\nf 1 2 3\n",
    "cut.stl": b"binary".ljust(80) + struct.pack("<I", 12) + b"\0" * 100,
    "empty.stl": b"",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_mesh_is_named(name: str, folder: Path) -> None:
    (folder / name).write_bytes(BROKEN[name])
    with pytest.raises(InvalidInput, match=name):
        load_meshes(folder)


def test_one_warning_lists_what_was_left_out(folder: Path) -> None:
    (folder / "good.obj").write_text(_obj(_block((0.03, 0.06, 0.02)), QUADS))
    for name, data in BROKEN.items():
        (folder / name).write_bytes(data)
    with pytest.warns(UserWarning, match=f"{len(BROKEN)} of {len(BROKEN) + 1} meshes left out") as warned:
        assert [spec.name for spec in load_meshes(folder)] == ["good"]
    assert len(warned) == 1 and all(name in str(warned[0].message) for name in BROKEN)


def test_the_first_by_name_are_taken_from_folders_below(folder: Path) -> None:
    for name in ("b", "c", "a"):
        (folder / name).mkdir()
        (folder / name / "mesh.obj").write_text(_obj(_block((0.03, 0.06, 0.02)), QUADS))
    progress: list[tuple[int, int]] = []
    specs = load_meshes(folder, 2, lambda done, total: progress.append((done, total)))
    assert [spec.name for spec in specs] == ["a/mesh", "b/mesh"] and progress == [(1, 2), (2, 2)]


def test_objects_that_are_neither_split_nor_folder_of_meshes_are_refused(folder: Path) -> None:
    with pytest.raises(InvalidInput, match=r"'heldout': expected train, .* or test, or a folder"):
        make_robot(LOWDIM, "heldout")
    with pytest.raises(InvalidInput, match=r"no \.obj, \.stl, \.ply, \.glb file"):
        make_robot(LOWDIM, str(folder))
