"""The world that Gazebo gets is the embedded simulator's, by the names of its release."""

import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import mujoco
import numpy as np
import pytest
import yaml

from qtopt_agent.cells.cell_file import load_cell
from qtopt_agent.core.cell import Camera, Cell
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.gazebo.bridge import HAND, JOINTS, bridge_config, joint_topic
from qtopt_agent.gazebo.release import FORTRESS, HARMONIC, Release
from qtopt_agent.gazebo.world import PARK_HEIGHT, world_sdf
from qtopt_agent.simulation.layout import Appearance
from qtopt_agent.simulation.objects import sample_object
from qtopt_agent.simulation.parts import rotation
from qtopt_agent.simulation.scene import build_model


def world(release: Release = HARMONIC) -> ElementTree.Element:
    found = ElementTree.fromstring(world_sdf(release)).find("world")
    assert found is not None
    return found


def text(element: ElementTree.Element, path: str) -> str:
    found = element.find(path)
    assert found is not None and found.text is not None, path
    return found.text


def values(element: ElementTree.Element, path: str) -> np.ndarray:
    return np.array(text(element, path).split(), dtype=float)


@pytest.mark.parametrize(
    ("release", "file", "system"),
    [
        (HARMONIC, "gz-sim-{}-system", "gz::sim::systems::"),
        (FORTRESS, "ignition-gazebo-{}-system", "ignition::gazebo::"),
    ],
)
def test_plug_ins_go_by_the_names_of_their_release(release: Release, file: str, system: str) -> None:
    plugins = list(world(release).iter("plugin"))
    files = {plugin.get("filename") for plugin in plugins}
    wanted = ("physics", "user-commands", "scene-broadcaster", "sensors", "joint-position-controller", "pose-publisher")
    assert files == {file.format(name) for name in wanted}
    assert all(plugin.get("name", "").startswith(system) for plugin in plugins)


def _boxes_of_gazebo() -> set[tuple[float, ...]]:
    boxes = set()
    for model in world().iter("model"):
        for link in model.iter("link"):
            place = link.find("pose")
            offset = np.zeros(3) if place is None else np.array((place.text or "").split()[:3], dtype=float)
            for collision in link.iter("collision"):
                middle, size = offset + values(collision, "pose")[:3], values(collision, "geometry/box/size")
                visual = next(each for each in link.iter("visual") if text(each, "pose") == text(collision, "pose"))
                assert (values(visual, "geometry/box/size") == size).all()
                boxes.add((*middle.round(6), *(size / 2).round(6)))
    return boxes


def _boxes_of_mujoco() -> set[tuple[float, ...]]:
    rng = np.random.default_rng(0)
    model = build_model([sample_object("train", rng)], Appearance.sample(1, rng))
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    last = model.body("object0").id
    cell = [geom for geom in range(model.ngeom) if model.geom_bodyid[geom] < last]
    assert (model.geom_type[cell] == mujoco.mjtGeom.mjGEOM_BOX).all()
    return {(*data.geom_xpos[geom].round(6), *model.geom_size[geom].round(6)) for geom in cell}


def test_bin_and_gripper_have_the_embedded_simulators_sizes() -> None:
    assert _boxes_of_gazebo() == _boxes_of_mujoco()


def test_every_joint_is_driven_with_finite_force_over_the_bridge() -> None:
    hand = next(model for model in world().iter("model") if model.get("name") == HAND)
    joints = {joint.get("name"): joint for joint in hand.iter("joint")}
    assert tuple(joints) == JOINTS
    for joint in joints.values():
        assert 0 < float(text(joint, "axis/limit/effort")) < 200
    drives = {text(each, "joint_name"): each for each in hand.iter("plugin") if each.find("joint_name") is not None}
    carried = {entry["gz_topic_name"] for entry in yaml.safe_load(bridge_config(HARMONIC, "camera/image_raw"))}
    for name in JOINTS:
        assert text(drives[name], "topic") == joint_topic(name) and joint_topic(name) in carried


def test_the_hand_hangs_by_a_force_that_is_its_weight() -> None:
    hand = next(model for model in world().iter("model") if model.get("name") == HAND)
    hanging = [link for link in hand.iter("link") if link.get("name") not in ("slide_x", "slide_y")]
    weight = sum(float(text(link, "inertial/mass")) for link in hanging) * 9.81
    lift = next(each for each in hand.iter("plugin") if each.findtext("joint_name") == "z")
    assert float(text(lift, "cmd_offset")) == pytest.approx(weight, rel=1e-4)
    assert float(text(lift, "cmd_max")) - weight == pytest.approx(weight - float(text(lift, "cmd_min")), rel=1e-4)


def test_every_inertia_is_one_that_a_body_can_have() -> None:
    for inertia in world().iter("inertia"):
        moments = sorted(float(text(inertia, name)) for name in ("ixx", "iyy", "izz"))
        assert moments[0] > 0 and moments[2] <= moments[0] + moments[1]


def test_parked_the_hand_is_above_all_that_may_lie_in_the_bin() -> None:
    assert PARK_HEIGHT > 0.3


def test_the_camera_looks_down_past_the_fingers_as_the_embedded_one() -> None:
    sensor = next(iter(world().iter("sensor")))
    pose = values(sensor, "pose")
    roll, pitch, yaw = pose[3:]
    # SDF turns about fixed axes x, y, z; a camera looks along its x, and its z is up in the picture.
    turn = rotation((0, 0, yaw)) @ rotation((0, pitch, 0)) @ rotation((roll, 0, 0))
    assert pose[:3] == pytest.approx([0, 0, 0.105])
    assert turn @ [1, 0, 0] == pytest.approx([0, 0, -1], abs=1e-5)
    assert turn @ [0, 0, 1] == pytest.approx([0, 1, 0], abs=1e-5)
    image = sensor.find("camera/image")
    assert image is not None and text(image, "width") == text(image, "height")
    assert float(text(sensor, "camera/horizontal_fov")) == pytest.approx(np.radians(75))


@pytest.mark.parametrize(
    "camera",
    [
        Camera(position=(0.001, 0.0, 0.105)),
        Camera(distortion=(0.1, 0.0, 0.0, 0.0, 0.0)),
        Camera(crop=(0, 0, 478, 478)),
        load_cell("d435_wrist").camera,
    ],
    ids=["beside the axis", "with a lens", "off the middle", "d435_wrist"],
)
def test_a_camera_that_sdf_has_no_like_of_is_refused(camera: Camera) -> None:
    with pytest.raises(InvalidInput, match="a camera that looks down the jaw's axis: this cell's is another"):
        world_sdf(HARMONIC, replace(Cell(), camera=camera))


@pytest.mark.parametrize(("release", "messages"), [(HARMONIC, "gz.msgs."), (FORTRESS, "ignition.msgs.")])
def test_the_bridge_is_told_types_of_its_release(release: Release, messages: str) -> None:
    entries = yaml.safe_load(bridge_config(release, "camera/image_raw"))
    assert all(entry["gz_type_name"].startswith(messages) for entry in entries)
    to_gazebo = {entry["ros_topic_name"] for entry in entries if entry["direction"] == "ROS_TO_GZ"}
    assert to_gazebo == {joint_topic(joint).lstrip("/") for joint in JOINTS}
    assert "camera/image_raw" in {entry["ros_topic_name"] for entry in entries}
