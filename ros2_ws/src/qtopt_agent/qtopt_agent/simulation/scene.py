"""The world as MJCF: a bin, a floating 4-DoF parallel-jaw gripper, and the objects."""

from dataclasses import dataclass
from xml.sax.saxutils import quoteattr

import mujoco
import numpy as np

from qtopt_agent.simulation.objects import ObjectSpec

BIN_HALF = 0.16  # m, inner half width
LAYOUT_HALF = 0.105  # m: objects are laid out where an open jaw fits beside the walls; pushes may move them there
WALL_HEIGHT = 0.05  # m
MAX_APERTURE = 0.085  # m, as common two-finger jaws
CAMERA_HEIGHT = 0.105  # m above the finger tips
WRIST_FOVY = 75.0  # degrees
SUBSTEPS = 50
FINGER_ARMATURE = 0.2  # kg, of the drive behind each finger; with less, fingers chatter on some objects at this step
TIMESTEP = 0.004  # s; 50 substeps make one 0.2 s control step

SKY = (0.85, 0.88, 0.92)  # RGB of what lies beyond the table

# Stiff enough that a light object does not sink under a finger, soft enough to stay stable at 4 ms.
_CONTACT = 'solref=".008 1" solimp=".98 .999 .001"'


@dataclass(frozen=True)
class Appearance:
    """Colours (RGB, 0..1) and the direction the light comes from (unit vector)."""

    floor: tuple[float, ...]
    wall: tuple[float, ...]
    objects: tuple[tuple[float, ...], ...]
    light: tuple[float, ...]

    @staticmethod
    def sample(count: int, rng: np.random.Generator) -> "Appearance":
        """Greyish surroundings and saturated objects, so that every object can be told from the floor."""
        grey = rng.uniform(0.25, 0.75)
        floor = np.clip(grey + rng.uniform(-0.06, 0.06, 3), 0, 1)
        wall = np.clip(rng.uniform(0.2, 0.8) + rng.uniform(-0.06, 0.06, 3), 0, 1)
        hues = rng.random(count)
        bright = rng.uniform(0.55, 1.0, count)
        wheel = np.abs((hues[:, None] * 6 + np.array([0, 4, 2])) % 6 - 3) - 1
        saturation = rng.uniform(0.6, 1.0, count)[:, None]
        colours = bright[:, None] * (1 - saturation + saturation * np.clip(wheel, 0, 1))
        light = np.array([*rng.uniform(-0.6, 0.6, 2), 1.0])
        return Appearance(tuple(floor), tuple(wall), tuple(map(tuple, colours)), tuple(light / np.linalg.norm(light)))


def _numbers(values: object) -> str:
    return " ".join(f"{v:.6g}" for v in np.ravel(np.asarray(values, dtype=float)))


def _object_xml(index: int, spec: ObjectSpec, colour: tuple[float, ...]) -> tuple[str, str]:
    assets, geoms = [], []
    for k, part in enumerate(spec.parts):
        shape = f'type="{part.kind}" size="{_numbers(part.size)}"'
        if part.vertices is not None:
            mesh = quoteattr(f"object{index}_{k}")
            # MuJoCo recentres a mesh on its inertia frame and undoes it in the geom, so positions stay as given.
            assets.append(f'<mesh name={mesh} vertex="{_numbers(part.vertices)}"/>')
            shape = f'type="mesh" mesh={mesh}'
        geoms.append(
            f'<geom class="object" {shape} pos="{_numbers(part.position)}" euler="{_numbers(part.euler)}"'
            f' density="{spec.density:.6g}" rgba="{_numbers(colour)} 1"/>'
        )
    body = f'<body name="object{index}" pos="{0.5 + index} 0 0.1"><freejoint/>{"".join(geoms)}</body>'
    return "".join(assets), body


def _wall_xml(appearance: Appearance) -> str:
    centre, half = BIN_HALF + 0.005, WALL_HEIGHT / 2
    rgba = f"{_numbers(appearance.wall)} 1"
    sides = [(centre, 0.0, 0.005, centre + 0.005), (-centre, 0.0, 0.005, centre + 0.005)]
    sides += [(0.0, centre, centre - 0.005, 0.005), (0.0, -centre, centre - 0.005, 0.005)]
    return "".join(
        f'<geom class="bin" type="box" pos="{x} {y} {half}" size="{sx} {sy} {half}" rgba="{rgba}"/>'
        for x, y, sx, sy in sides
    )


def _finger_xml(name: str, side: int) -> str:
    # Joint position 0 is shut; each finger opens by half the aperture along the gripper's x axis.
    return f"""
      <body name="{name}" pos="{side * 0.006} 0 0">
        <joint name="{name}" class="finger" axis="{side} 0 0"/>
        <geom class="pad" type="box" pos="0 0 0.0225" size="0.006 0.010 0.0225"/>
        <geom class="pad" type="box" pos="{side * 0.004} 0 0.065" size="0.006 0.008 0.022"/>
      </body>"""


def build_model(objects: list[ObjectSpec], appearance: Appearance) -> mujoco.MjModel:
    """Compile the world. The hand's frame lies between the finger tips: x closes the jaw, z points up."""
    parts = [_object_xml(i, spec, appearance.objects[i]) for i, spec in enumerate(objects)]
    assets = "".join(asset for asset, _ in parts)
    bodies = "".join(body for _, body in parts)
    half = MAX_APERTURE / 2
    xml = f"""
<mujoco model="qtopt_bin">
  <compiler angle="radian" autolimits="true"/>
  <option timestep="{TIMESTEP}" cone="elliptic" impratio="5" integrator="implicitfast" iterations="30"/>
  <size memory="8M"/>
  <visual><global offwidth="1280" offheight="960"/><map znear="0.002"/><quality shadowsize="0" offsamples="0"/></visual>
  <default>
    <geom friction="0.8 0.01 0.0002" {_CONTACT}/>
    <default class="object"><geom condim="4" group="1"/></default>
    <default class="bin"><geom condim="3" group="0"/></default>
    <default class="pad">
      <geom condim="4" friction="1.2 0.02 0.0002" mass="0.02" group="2" rgba="0.1 0.1 0.1 1"/>
    </default>
    <default class="finger"><joint type="slide" range="0 {half}" damping="2" armature="{FINGER_ARMATURE}"/></default>
  </default>
  <asset>
    <texture type="skybox" builtin="flat" rgb1="{_numbers(SKY)}" width="2" height="12"/>
    {assets}
  </asset>
  <worldbody>
    <light directional="true" castshadow="false" dir="{_numbers(np.negative(appearance.light))}" diffuse="0.7 0.7 0.7"
      ambient="0.3 0.3 0.3" specular="0 0 0"/>
    <camera name="shoulder" pos="0 -0.6 0.56" xyaxes="1 0 0 0 0.5914 0.8064" fovy="44"/>
    <camera name="scene" pos="0.42 -0.52 0.44" xyaxes="0.7779 0.6283 0 -0.2713 0.3359 0.902" fovy="46"/>
    <geom name="floor" class="bin" type="box" pos="0 0 -0.05" size="0.6 0.6 0.05"
      rgba="{_numbers(appearance.floor)} 1"/>
    {_wall_xml(appearance)}
    <body name="hand" gravcomp="1">
      <joint name="x" type="slide" axis="1 0 0"/>
      <joint name="y" type="slide" axis="0 1 0"/>
      <joint name="z" type="slide" axis="0 0 1"/>
      <joint name="yaw" type="hinge" axis="0 0 1" armature="0.01"/>
      <geom name="palm" type="box" pos="0 0 0.105" size="0.055 0.025 0.018" mass="1" group="3" rgba="0.75 0.75 0.78 1"/>
      <camera name="wrist" pos="0 0 {CAMERA_HEIGHT}" fovy="{WRIST_FOVY}"/>
      {_finger_xml("left", -1)}{_finger_xml("right", 1)}
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
    <position name="left" joint="left" kp="1500" kv="60" forcerange="-18 18"/>
    <position name="right" joint="right" kp="1500" kv="60" forcerange="-18 18"/>
  </actuator>
</mujoco>"""
    return mujoco.MjModel.from_xml_string(xml)
