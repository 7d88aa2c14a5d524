"""The objects that Gazebo gets lie in the bin, as the layout says, and have the shapes of the generator."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from qtopt_agent.core.cell import EMBEDDED
from qtopt_agent.gazebo.objects import objects_sdf
from qtopt_agent.simulation import object_source
from qtopt_agent.simulation.layout import Layout, lay_out
from qtopt_agent.simulation.mesh_files import read_mesh
from qtopt_agent.simulation.objects import FAMILIES
from qtopt_agent.simulation.parts import rotation


def turned(pose: np.ndarray) -> np.ndarray:
    roll, pitch, yaw = pose[3:]
    return rotation((0, 0, yaw)) @ rotation((0, pitch, 0)) @ rotation((roll, 0, 0))


def corners(geometry: ElementTree.Element) -> np.ndarray:
    """Points [N, 3] around a shape."""
    kind = geometry[0]
    numbers = {each.tag: np.array((each.text or "").split(), dtype=float) for each in kind if each.tag != "uri"}
    if kind.tag == "mesh":
        return read_mesh(Path(kind.findtext("uri", "")))[0]
    half = {
        "box": lambda: numbers["size"] / 2,
        "sphere": lambda: np.repeat(numbers["radius"], 3),
        "ellipsoid": lambda: numbers["radii"],
        "cylinder": lambda: np.array([*[numbers["radius"][0]] * 2, numbers["length"][0] / 2]),
        "capsule": lambda: np.array([*[numbers["radius"][0]] * 2, numbers["length"][0] / 2 + numbers["radius"][0]]),
    }[kind.tag]()
    return np.array(np.meshgrid(*[(-1, 1)] * 3)).T.reshape(-1, 3) * half


def extents(layout: Layout, folder: Path) -> list[np.ndarray]:
    """Corners [N, 3] of each object in the world, read from its SDF."""
    model = ElementTree.fromstring(objects_sdf(layout, folder)).find("model")
    assert model is not None
    found = []
    for link in model.iter("link"):
        pose = np.array(link.findtext("pose", "").split(), dtype=float)
        points = []
        for collision in link.iter("collision"):
            place = np.array(collision.findtext("pose", "").split(), dtype=float)
            geometry = collision.find("geometry")
            assert geometry is not None
            points.append(corners(geometry) @ turned(place).T + place[:3])
        found.append(np.concatenate(points) @ turned(pose).T + pose[:3])
    return found


@pytest.mark.parametrize("split", FAMILIES)
def test_every_object_lies_inside_the_bin_and_above_its_floor(split: str, tmp_path: Path) -> None:
    for seed in range(20):
        layout = lay_out(object_source(split), (1, 5), seed)
        for spec, points in zip(layout.objects, extents(layout, tmp_path), strict=True):
            middle = (points.max(0) + points.min(0)) / 2
            assert np.abs(middle[:2]).max() < EMBEDDED.bin.size[0] / 2, spec.name
            assert points[:, 2].min() > 0, spec.name


@pytest.mark.parametrize("split", FAMILIES)
def test_every_object_has_the_extent_of_its_outline(split: str, tmp_path: Path) -> None:
    for seed in range(20):
        layout = lay_out(object_source(split), (1, 3), seed)
        for spec, pose, points in zip(layout.objects, layout.poses, extents(layout, tmp_path), strict=True):
            outline = spec.outline @ rotation((0, 0, pose[3])).T + pose[:3]
            assert (outline.max(0) <= points.max(0) + 1e-5).all() and (outline.min(0) >= points.min(0) - 1e-5).all()
            # A capsule's round ends are cut a little short in the outline, and a turned box around a ball is larger.
            assert (np.ptp(outline, axis=0) > 0.6 * np.ptp(points, axis=0)).all(), spec.name


def test_the_same_seed_gives_the_same_objects(tmp_path: Path) -> None:
    first, second, other = (objects_sdf(lay_out(object_source("train"), (2, 2), seed), tmp_path) for seed in (1, 1, 2))
    assert first == second != other


def test_objects_touch_one_another_and_have_mass(tmp_path: Path) -> None:
    sdf = ElementTree.fromstring(objects_sdf(lay_out(object_source("train"), (3, 3), 0), tmp_path))
    assert sdf.findtext("model/self_collide") == "true"
    assert len(list(sdf.iter("link"))) == len(list(sdf.iter("inertial"))) == 3
