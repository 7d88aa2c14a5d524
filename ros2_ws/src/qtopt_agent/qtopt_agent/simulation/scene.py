"""The world as MJCF: a bin, a floating 4-DoF parallel-jaw gripper, and the objects."""

from collections.abc import Sequence
from xml.sax.saxutils import quoteattr

import numpy as np

from qtopt_agent.core import cell_boxes
from qtopt_agent.core.cell import EMBEDDED, Cell
from qtopt_agent.core.cell_boxes import Box
from qtopt_agent.simulation.engine import mujoco
from qtopt_agent.simulation.layout import SKY, Appearance
from qtopt_agent.simulation.looks import Look, Shapes
from qtopt_agent.simulation.markup import numbers
from qtopt_agent.simulation.objects import ObjectSpec
from qtopt_agent.simulation.parts import Part

VIEW = "view"  # the cell's camera
FINGER_ARMATURE = 0.2  # kg, of the drive behind each finger; with less, fingers chatter on some objects at this step
TIMESTEP = 0.004  # s

# Stiff enough that a light object does not sink under a finger, soft enough to stay stable at 4 ms.
_CONTACT = 'solref=".008 1" solimp=".98 .999 .001"'


def _object_xml(index: int, spec: ObjectSpec, colour: tuple[float, ...]) -> tuple[str, str]:
    assets, geoms = [], []
    for k, part in enumerate(spec.parts):
        shape = f'type="{part.kind}" size="{numbers(part.size)}"'
        if part.vertices is not None:
            mesh = quoteattr(f"object{index}_{k}")
            # MuJoCo recentres a mesh on its inertia frame and undoes it in the geom, so positions stay as given.
            assets.append(f'<mesh name={mesh} vertex="{numbers(part.vertices)}"/>')
            shape = f'type="mesh" mesh={mesh}'
        geoms.append(
            f'<geom class="object" {shape} pos="{numbers(part.position)}" euler="{numbers(part.euler)}"'
            f' density="{spec.density:.6g}" rgba="{numbers(colour)} 1"/>'
        )
    body = f'<body name="object{index}" pos="{0.5 + index} 0 0.1"><freejoint/>{"".join(geoms)}</body>'
    return "".join(assets), body


def _box(box: Box) -> str:
    return f'type="box" pos="{numbers(box.centre)}" size="{numbers(box.half)}"'


def _wall_xml(appearance: Appearance, cell: Cell) -> str:
    rgba = f"{numbers(appearance.wall)} 1"
    return "".join(f'<geom class="bin" {_box(wall)} rgba="{rgba}"/>' for wall in cell_boxes.walls(cell))


def _finger_xml(name: str, side: int, cell: Cell) -> str:
    # Joint position 0 is shut; each finger opens by half the aperture along the gripper's x axis.
    boxes = [box if side > 0 else box.mirrored() for box in cell_boxes.finger(cell)]
    pads = "".join(f'<geom class="pad" {_box(box)}/>' for box in boxes)
    joint = f'<joint name="{name}" class="finger" axis="{side} 0 0"/>'
    return f'<body name="{name}" pos="{side * cell.jaw.finger_thickness / 2} 0 0">{joint}{pads}</body>'


def _camera_xml(cell: Cell) -> str:
    """The cell's camera, of the opening that a picture of square pixels about its axis has."""
    camera = cell.camera
    origin = (0.0, 0.0, 0.0) if camera.mount == "hand" else cell.bin.position
    turn, (_, _, _, rows) = camera.rotation, camera.window((1, 1))
    opening = np.degrees(2 * np.arctan(rows / 2 / camera.intrinsics[1]))
    axes = [*turn[:, 0], *-turn[:, 1]]  # MuJoCo's cameras have y up and look along -z
    place = numbers(np.subtract(camera.position, origin))
    return f'<camera name="{VIEW}" pos="{place}" xyaxes="{numbers(axes)}" fovy="{opening:.6g}"/>'


def _distractor_xml(part: Part, colour: tuple[float, ...]) -> str:
    """Only seen: no hand gets there."""
    return (
        f'<geom type="{part.kind}" size="{numbers(part.size)}" pos="{numbers(part.position)}"'
        f' euler="{numbers(part.euler)}" rgba="{numbers(colour)} 1" group="0" contype="0" conaffinity="0"/>'
    )


def build_model(
    objects: list[ObjectSpec],
    appearance: Appearance,
    cell: Cell = EMBEDDED,
    friction: float = 0.8,
    distractors: Sequence[tuple[Part, tuple[float, ...]]] = (),
) -> mujoco.MjModel:
    """Compile the world, its origin in the middle of the bin's floor.

    friction: of objects and bin. distractors: things beyond the rim, and their colours. The hand's
    frame lies between the finger tips: x closes the jaw, z points up.
    """
    parts = [_object_xml(i, spec, appearance.objects[i]) for i, spec in enumerate(objects)]
    assets = "".join(asset for asset, _ in parts)
    bodies = "".join(body for _, body in parts)
    half, force, camera = cell.jaw.aperture / 2, cell.jaw.force, _camera_xml(cell)
    on_hand = cell.camera.mount == "hand"
    xml = f"""
<mujoco model="qtopt_bin">
  <compiler angle="radian" autolimits="true"/>
  <option timestep="{TIMESTEP}" cone="elliptic" impratio="5" integrator="implicitfast" iterations="30"/>
  <size memory="8M"/>
  <visual><global offwidth="1280" offheight="960"/><map znear="0.002"/><quality shadowsize="0" offsamples="0"/></visual>
  <default>
    <geom friction="{friction:.6g} 0.01 0.0002" {_CONTACT}/>
    <default class="object"><geom condim="4" group="1"/></default>
    <default class="bin"><geom condim="3" group="0"/></default>
    <default class="pad">
      <geom condim="4" friction="1.2 0.02 0.0002" mass="0.02" group="2" rgba="0.1 0.1 0.1 1"/>
    </default>
    <default class="finger"><joint type="slide" range="0 {half}" damping="2" armature="{FINGER_ARMATURE}"/></default>
  </default>
  <asset>
    <texture type="skybox" builtin="flat" rgb1="{numbers(SKY)}" width="2" height="12"/>
    {assets}
  </asset>
  <worldbody>
    <light directional="true" castshadow="false" dir="{numbers(np.negative(appearance.light))}" diffuse="0.7 0.7 0.7"
      ambient="0.3 0.3 0.3" specular="0 0 0"/>
    <camera name="shoulder" pos="0 -0.6 0.56" xyaxes="1 0 0 0 0.5914 0.8064" fovy="44"/>
    <camera name="scene" pos="0.42 -0.52 0.44" xyaxes="0.7779 0.6283 0 -0.2713 0.3359 0.902" fovy="46"/>
    <geom name="floor" class="bin" {_box(cell_boxes.floor(cell))} rgba="{numbers(appearance.floor)} 1"/>
    {_wall_xml(appearance, cell)}{"".join(_distractor_xml(*each) for each in distractors)}
    {"" if on_hand else camera}
    <body name="hand" gravcomp="1">
      <joint name="x" type="slide" axis="1 0 0"/>
      <joint name="y" type="slide" axis="0 1 0"/>
      <joint name="z" type="slide" axis="0 0 1"/>
      <joint name="yaw" type="hinge" axis="0 0 1" armature="0.01"/>
      <geom name="palm" {_box(cell_boxes.palm(cell))} mass="1" group="3" rgba="0.75 0.75 0.78 1"/>
      {camera if on_hand else ""}{_finger_xml("left", -1, cell)}{_finger_xml("right", 1, cell)}
    </body>
    {bodies}
  </worldbody>
  <contact><exclude body1="hand" body2="left"/><exclude body1="hand" body2="right"/></contact>
  <equality><joint joint1="left" joint2="right" polycoef="0 1 0 0 0" solref=".008 1"/></equality>
  <actuator>
    <position name="x" joint="x" kp="2500" kv="110"/>
    <position name="y" joint="y" kp="2500" kv="110"/>
    <position name="z" joint="z" kp="2500" kv="110"/>
    <position name="yaw" joint="yaw" kp="6" kv="0.6"/>
    <position name="left" joint="left" kp="1500" kv="60" forcerange="{-force:.6g} {force:.6g}"/>
    <position name="right" joint="right" kp="1500" kv="60" forcerange="{-force:.6g} {force:.6g}"/>
  </actuator>
</mujoco>"""
    return mujoco.MjModel.from_xml_string(xml)


def vary(model: mujoco.MjModel, look: Look, cell: Cell) -> None:
    """Give a world as `build_model` made it the friction, the jaw's force and the camera's pose that `look` has."""
    model.geom_friction[:, 0] *= look.friction
    model.actuator_forcerange[4:6] *= look.jaw_force
    position, axes = look.camera_pose(cell.camera)
    camera = model.camera(VIEW)
    camera.pos = position - (0 if cell.camera.mount == "hand" else np.array(cell.bin.position))
    axes = axes * (1, -1, -1)  # MuJoCo's cameras have y up and look along -z
    mujoco.mju_mat2Quat(camera.quat, axes.ravel())


def shapes(model: mujoco.MjModel) -> Shapes:
    """What each shape of a world that `build_model` made is part of."""
    walls, palm, fingers, first = 1, 2, 3, 4  # the floor is 0
    hand = model.body("hand").id
    things = np.full(model.ngeom, walls)
    things[model.geom("floor").id] = 0
    things[model.geom_bodyid == hand] = palm
    things[(model.geom_bodyid == model.body("left").id) | (model.geom_bodyid == model.body("right").id)] = fingers
    bodies = range(hand + 3, model.nbody)  # hand, two fingers, then the objects
    for body in bodies:
        things[model.geom_bodyid == body] = first + body - bodies[0]
    last = first + len(bodies)
    seen_only = np.flatnonzero((model.geom_contype == 0) & (model.geom_bodyid == 0))
    things[seen_only] = last + np.arange(len(seen_only))
    return Shapes(things, model.geom_rgba[:, :3].astype(np.float64), range(first, last), range(first))
