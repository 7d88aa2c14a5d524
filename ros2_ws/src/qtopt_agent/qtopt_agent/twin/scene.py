"""The twin's world: an arm on a table, the cell's bin, objects and a camera on a bracket, all with looks of its own."""

from collections.abc import Sequence
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core import cell_boxes
from qtopt_agent.core.cell import Cell
from qtopt_agent.core.cell_boxes import Box
from qtopt_agent.core.rotations import quaternion_of
from qtopt_agent.simulation.objects import ObjectSpec
from qtopt_agent.simulation.parts import rotation
from qtopt_agent.twin.arms import TwinArm
from qtopt_agent.twin.robosuite_models import assets, read_model

TIMESTEP = 0.002  # s
TIP, CAMERA, OVERVIEW = "tip", "camera", "overview"
FLANGE_TO_TIP = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])
"""Axes of a cell's tip frame, x closing the jaw and z up the palm, in that of a flange, z down and y closing it."""
SEEN, UPSTREAM = 1, 4  # groups of geoms: what the wrist's camera may see, and links that are always behind it

_VISION = 0.35  # m: how far the table goes on beyond the bin
_OBJECT_TEXTURES = (
    "blue-wood", "brass-ambra", "bread", "can", "ceramic", "clay", "dark-wood", "green-wood", "lemon",
    "metal", "red-wood", "steel-scratched", "yellow-plaster",
)  # fmt: skip
_TABLES = ("light-wood", "gray-woodgrain", "wood-varnished-panels", "gray-plaster", "light-gray-floor-tile")
_BINS = ("gray-felt", "white-plaster", "cream-plaster", "steel-brushed", "pink-plaster", "wood-tiles")

_CONTACT: dict[str, Any] = {"solref": [0.008, 1], "solimp": [0.98, 0.999, 0.001, 0.5, 2]}
_BASE = f"""
<mujoco model="twin">
  <compiler angle="radian" autolimits="true"/>
  <option timestep="{TIMESTEP}" cone="elliptic" impratio="10" integrator="implicitfast" iterations="30"/>
  <visual>
    <global offwidth="1280" offheight="960"/><map znear="0.01"/><quality shadowsize="1024" offsamples="0"/>
    <headlight ambient="0.25 0.25 0.25" diffuse="0.1 0.1 0.1" specular="0 0 0"/>
  </visual>
  <asset>
    <texture type="skybox" builtin="gradient" rgb1="0.55 0.5 0.45" rgb2="0.2 0.2 0.22" width="64" height="384"/>
  </asset>
</mujoco>"""


def build(
    arm: TwinArm, cell: Cell, objects: Sequence[ObjectSpec], friction: float, rng: np.random.Generator
) -> mujoco.MjModel:
    """Compile the world; its origin is that of the arm's base. friction: of objects and bin.

    rng: of textures and light. Raises InvalidInput where robosuite's models are not installed.
    """
    spec = mujoco.MjSpec.from_string(_BASE)
    _furnish(spec, cell, friction, rng)
    for index, each in enumerate(objects):
        _add_object(spec, index, each, friction, str(rng.choice(_OBJECT_TEXTURES)))
    _add_arm(spec, arm, cell)
    return spec.compile()


def _material(spec: mujoco.MjSpec, name: str, texture: str, gloss: float, scale: float = 1.0) -> str:
    """A material of one of robosuite's textures, on all six sides of whatever has it."""
    file = str(assets() / "textures" / f"{texture}.png")
    if spec.texture(texture) is None:
        spec.add_texture(name=texture, type=mujoco.mjtTexture.mjTEXTURE_2D, file=file)
        cube = spec.add_texture(name=f"{texture} around", type=mujoco.mjtTexture.mjTEXTURE_CUBE, file=file)
        cube.gridsize[:] = (1, 1)
    flat = scale != 1.0
    made = spec.add_material(name=name, specular=gloss, shininess=gloss, texrepeat=[scale, scale], texuniform=flat)
    made.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = texture if flat else f"{texture} around"
    return name


def _furnish(spec: mujoco.MjSpec, cell: Cell, friction: float, rng: np.random.Generator) -> None:
    world, (x, y, floor) = spec.worldbody, cell.bin.position
    table = _material(spec, "table", str(rng.choice(_TABLES)), 0.2, scale=2.0)
    bin_ = _material(spec, "bin", str(rng.choice(_BINS)), 0.1, scale=4.0)
    half = np.array(cell.bin.size) / 2
    reach = np.array([(x + half[0] + _VISION + 0.25) / 2, half[1] + _VISION])
    world.add_geom(
        name="table",
        type=mujoco.mjtGeom.mjGEOM_BOX,
        pos=[reach[0] - 0.25, y, -0.05],
        size=[*reach, 0.05],
        material=table,
        group=SEEN,
    )
    thick = cell_boxes.WALL_THICKNESS
    bottom = Box((0.0, 0.0, -floor / 2), (half[0] + thick, half[1] + thick, max(floor / 2, 1e-4)))
    for name, box in zip(("floor", "+x", "-x", "+y", "-y"), (bottom, *cell_boxes.walls(cell)), strict=False):
        world.add_geom(
            name=f"bin {name}",
            type=mujoco.mjtGeom.mjGEOM_BOX,
            pos=np.add(box.centre, cell.bin.position),
            size=box.half,
            material=bin_,
            group=SEEN,
            condim=3,
            friction=[friction, 0.01, 0.0002],
            **_CONTACT,
        )
    for k, strength in enumerate((0.55, 0.3)):
        place = np.add((x, y, 0.0), (*rng.uniform(-0.7, 0.7, 2), rng.uniform(1.0, 1.6)))
        light = world.add_light(pos=place, dir=np.array([x, y, 0.0]) - place, castshadow=k == 0)
        light.diffuse[:] = strength * np.array([1.0, rng.uniform(0.88, 1.0), rng.uniform(0.75, 0.95)])
        light.ambient[:] = 0.15
        light.specular[:] = 0.2
    eye = np.array([x + 0.75, y - 0.75, 0.65])
    view = np.array([x - 0.15, y, 0.2]) - eye
    right = np.cross(view, [0, 0, 1])
    world.add_camera(name=OVERVIEW, pos=eye, fovy=50, quat=_looking(right, np.cross(right, view)))


def _quat(turn: NDArray[np.float64]) -> list[float]:
    """A rotation [3, 3] as MuJoCo has it: w, x, y, z."""
    x, y, z, w = quaternion_of(turn)
    return [w, x, y, z]


def _looking(right: NDArray[np.float64], up: NDArray[np.float64]) -> list[float]:
    """MuJoCo's cameras have x right and y up, and look along -z."""
    across, high = right / np.linalg.norm(right), up / np.linalg.norm(up)
    return _quat(np.column_stack([across, high, np.cross(across, high)]))


def _add_object(spec: mujoco.MjSpec, index: int, thing: ObjectSpec, friction: float, texture: str) -> None:
    body = spec.worldbody.add_body(name=f"object{index}", pos=[0.5 + index, 2, 0.1])
    body.add_freejoint(name=f"object{index}")
    material = _material(spec, f"object{index}", texture, 0.3)
    for k, part in enumerate(thing.parts):
        shape = {"type": getattr(mujoco.mjtGeom, f"mjGEOM_{part.kind.upper()}")}
        if part.vertices is not None:
            spec.add_mesh(name=f"object{index}_{k}", uservert=part.vertices.ravel())
            shape["meshname"] = f"object{index}_{k}"
        else:
            shape["size"] = [*part.size, *[0.0] * (3 - len(part.size))]
        body.add_geom(
            **shape,
            pos=part.position,
            quat=_quat(rotation(part.euler)),
            density=thing.density,
            material=material,
            group=SEEN,
            condim=4,
            friction=[friction, 0.01, 0.0002],
            **_CONTACT,
        )


def _add_arm(spec: mujoco.MjSpec, arm: TwinArm, cell: Cell) -> None:
    """The arm at the origin, its hand with a frame between the finger tips as cells have it: x closes, z points up."""
    body, hand = (read_model(assets() / file) for file in (arm.model, arm.jaw.model))
    for part in (body, hand):
        for each in list(part.actuators):
            part.delete(each)
        for each in (*part.sensors, *part.tendons, *part.cameras):
            part.delete(each)
        for each in part.bodies:
            each.gravcomp = 1.0
        for each in part.geoms:
            if each.contype or "collision" in each.name:
                each.group, each.contype, each.conaffinity = 3, 1, 1
            else:
                each.group = UPSTREAM if part is body else SEEN
    for geom in hand.geoms:
        if geom.group == 3:
            geom.condim, geom.friction[:] = 4, (1.0, 0.02, 0.0002)
            geom.solref[:], geom.solimp[:] = _CONTACT["solref"], _CONTACT["solimp"]
    spec.attach(body, frame=spec.worldbody.add_frame(), prefix="arm/")
    flange = spec.body("arm/right_hand")
    spec.attach(hand, frame=flange.add_frame(), prefix="hand/")
    tip = flange.add_body(name=TIP, pos=[0, 0, arm.jaw.height], quat=_quat(FLANGE_TO_TIP))
    tip.add_site(name=TIP)
    axes = cell.camera.rotation
    tip.add_camera(name=CAMERA, pos=cell.camera.position, quat=_looking(axes[:, 0], -axes[:, 1]))
    for name, torque in zip(arm.joints, arm.torques, strict=True):
        joint = f"arm/{name}"
        spec.joint(joint).armature = 0.1
        _servo(spec, joint, arm.stiffness, arm.damping, torque)
    driven, *others = arm.jaw.joints
    for name in arm.jaw.joints:
        joint = spec.joint(f"hand/{name}")
        joint.damping[:], joint.frictionloss, joint.armature = 0.0, 0.0, 0.1 if arm.jaw.lever == 1 else 0.001
    force = 2 * arm.jaw.lever * arm.jaw.force  # of both fingers
    _servo(spec, f"hand/{driven}", 40 * force, 2 * force, force)
    for name in others:
        spec.add_equality(
            type=mujoco.mjtEq.mjEQ_JOINT,
            objtype=mujoco.mjtObj.mjOBJ_JOINT,
            name1=f"hand/{name}",
            name2=f"hand/{driven}",
            data=[0.0, arm.jaw.joints[name], *[0.0] * 10],
            solref=[0.004, 1],
        )
    _let_touch(spec)


def _servo(spec: mujoco.MjSpec, joint: str, stiffness: float, damping: float, force: float) -> None:
    """A position controller with a limited force."""
    made = spec.add_actuator(name=joint, target=joint, trntype=mujoco.mjtTrn.mjTRN_JOINT)
    made.set_to_position(kp=stiffness, kv=damping)
    made.forcelimited, made.forcerange[:] = True, (-force, force)


def _let_touch(spec: mujoco.MjSpec) -> None:
    """Parts of one hand do not touch one another, nor its arm: their meshes are rough."""
    parts = [body.name for body in spec.bodies if body.name.startswith(("hand/", "arm/"))]
    for k, one in enumerate(parts):
        for other in parts[:k]:
            spec.add_exclude(bodyname1=one, bodyname2=other)
