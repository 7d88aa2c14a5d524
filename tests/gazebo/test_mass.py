"""Hulls close and face outwards; masses and inertias are those that MuJoCo computes."""

from pathlib import Path

import mujoco
import numpy as np
import pytest

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.gazebo.hull import convex_hull
from qtopt_agent.gazebo.mass import mass_properties
from qtopt_agent.simulation.layout import Appearance
from qtopt_agent.simulation.mesh_files import read_mesh
from qtopt_agent.simulation.objects import FAMILIES, sample_object
from qtopt_agent.simulation.scene import build_model

CUBE = np.array(np.meshgrid(*[(0.0, 0.02)] * 3)).T.reshape(-1, 3)


def volume(triangles: np.ndarray) -> float:
    return float(np.linalg.det(triangles).sum() / 6)


def test_a_cube_has_twelve_triangles_that_face_outwards() -> None:
    triangles = convex_hull(np.concatenate([CUBE, [[0.01, 0.01, 0.01]], CUBE])).triangles
    assert len(triangles) == 12
    assert volume(triangles) == pytest.approx(0.02**3)


@pytest.mark.parametrize("seed", range(5))
def test_the_hull_of_random_points_is_closed_and_around_all_of_them(seed: int) -> None:
    points = np.random.default_rng(seed).normal(size=(20, 3)) * 0.03
    triangles = convex_hull(points).triangles
    edges = [
        tuple(map(tuple, edge))
        for triangle in triangles
        for edge in zip(triangle, np.roll(triangle, -1, 0), strict=True)
    ]
    assert len(set(edges)) == len(edges) and {(b, a) for a, b in edges} == set(edges)
    a, b, c = triangles.transpose(1, 0, 2)
    normals = np.cross(b - a, c - a)
    assert (normals @ points.T <= np.sum(normals * a, axis=1)[:, None] + 1e-12).all()


def test_flat_points_are_refused() -> None:
    with pytest.raises(InvalidInput, match="8 points lie in a plane"):
        convex_hull(np.random.default_rng(0).random((8, 3)) * [1, 1, 0])


def test_an_stl_file_holds_the_triangles(tmp_path: Path) -> None:
    convex_hull(CUBE).export(tmp_path / "cube.stl")
    vertices, faces = read_mesh(tmp_path / "cube.stl")
    assert np.allclose(np.unique(vertices, axis=0), np.unique(CUBE, axis=0)) and volume(vertices[faces]) > 0


@pytest.mark.parametrize(("split", "family"), [(split, name) for split in FAMILIES for name in FAMILIES[split]])
def test_masses_and_inertias_are_mujocos(split: str, family: str) -> None:
    rng = np.random.default_rng(3)
    spec = next(spec for spec in iter(lambda: sample_object(split, rng), None) if spec.name == family)
    model = build_model([spec], Appearance.sample(1, rng))
    body = model.body("object0").id
    mass, centre, inertia = mass_properties(spec)
    turn = np.zeros(9)
    mujoco.mju_quat2Mat(turn, model.body_iquat[body])
    turn = turn.reshape(3, 3)
    # MuJoCo is told six digits of each size.
    assert mass == pytest.approx(model.body_mass[body], rel=1e-4)
    assert centre == pytest.approx(model.body_ipos[body], abs=1e-6)
    assert inertia == pytest.approx(turn @ np.diag(model.body_inertia[body]) @ turn.T, rel=1e-3, abs=1e-9)
