"""The cell as an SDF world: the bin, and a gripper that hangs in the air on three slides and a turn."""

from dataclasses import dataclass, replace

import numpy as np

from qtopt_agent.core import cell_boxes
from qtopt_agent.core.cell import EMBEDDED, Camera, Cell
from qtopt_agent.core.cell_boxes import Box
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.gazebo import bridge
from qtopt_agent.gazebo.release import Release
from qtopt_agent.simulation.layout import SKY
from qtopt_agent.simulation.markup import numbers

NAME = "qtopt"
STEP = 0.002  # s
PARK_HEIGHT = 0.4  # m above the floor: where the finger tips are when all joints are at 0, out of the objects' way
IMAGE_SIZE = 96  # px; area-averaged to what a model sees
CAMERA_RATE, POSE_RATE = 30.0, 100.0  # Hz

FLOOR_COLOUR, WALL_COLOUR = (0.5, 0.5, 0.5), (0.6, 0.6, 0.6)
LIGHT = (0.2, -0.3, 1.0)  # towards the sun
# Gazebo shades in linear light and shows it as sRGB. With these, what faces the sun and what faces
# away from it come out as bright as in the embedded simulator's pictures.
GAMMA = 2.2
AMBIENT, SUN = 0.31, 0.97
GRAVITY = 9.81  # m/s^2

# Friction is the lesser one of two surfaces: these give MuJoCo's 1.2 between pad and object, 0.8 between all others.
PAD_FRICTION, FIXED_FRICTION = 1.2, 0.8
SLIDE_MASS, HAND_MASS, FINGER_MASS = 0.1, 0.6, 0.2  # kg


@dataclass(frozen=True)
class _Joint:
    """One drive. gains: of its position controller; limit: N or Nm; reach: lowest and highest position, m or rad."""

    kind: str
    parent: str
    child: str
    axis: str
    reach: tuple[float, float]
    gains: tuple[float, float]
    limit: float
    offset: float = 0.0


_LIFTED = SLIDE_MASS + HAND_MASS + 2 * FINGER_MASS
_TURNS = 1e16  # as good as no end
_ARM = {
    "x": _Joint("prismatic", "world", "slide_x", "1 0 0", (-0.5, 0.5), (2500, 110), 75),
    "y": _Joint("prismatic", "slide_x", "slide_y", "0 1 0", (-0.5, 0.5), (2500, 110), 75),
    # Its own weight is held up by the offset, so that the hand hangs where it is told to.
    "z": _Joint("prismatic", "slide_y", "slide_z", "0 0 1", (-0.5, 0.5), (2500, 110), 75, _LIFTED * GRAVITY),
    "yaw": _Joint("revolute", "slide_z", "palm", "0 0 1", (-_TURNS, _TURNS), (6, 0.6), 10),
}


def _joints(cell: Cell) -> dict[str, _Joint]:
    reach, force = (0, cell.jaw.aperture / 2), cell.jaw.force
    left = _Joint("prismatic", "palm", "left_finger", "-1 0 0", reach, (1500, 60), force)
    return _ARM | {"left": left, "right": replace(left, child="right_finger", axis="1 0 0")}


def solid(name: str, geometry: str, pose: object, colour: tuple[float, ...], friction: float) -> str:
    """A shape that is seen and touched. pose: x, y, z in m, roll, pitch, yaw in rad, in its link's frame."""
    place = f"<pose>{numbers(pose)}</pose><geometry>{geometry}</geometry>"
    rgba = f"{numbers(np.power(colour, GAMMA))} 1"
    return (
        f'<collision name="{name}">{place}<surface><friction><ode><mu>{friction}</mu><mu2>{friction}</mu2></ode>'
        f'</friction></surface></collision><visual name="{name}_visual">{place}<cast_shadows>false</cast_shadows>'
        f"<material><ambient>{rgba}</ambient><diffuse>{rgba}</diffuse><specular>0 0 0 1</specular></material></visual>"
    )


def inertial(mass: float, centre: object, inertia: object) -> str:
    """A link's mass, kg, its centre, m, and the matrix [3, 3] of inertia about it, kg m^2."""
    names = dict(zip(("ixx", "ixy", "ixz", "iyy", "iyz", "izz"), np.asarray(inertia)[np.triu_indices(3)], strict=True))
    terms = "".join(f"<{name}>{value:.6g}</{name}>" for name, value in names.items())
    return f"<inertial><pose>{numbers(centre)} 0 0 0</pose><mass>{mass:.6g}</mass><inertia>{terms}</inertia></inertial>"


def _box(name: str, box: Box, colour: tuple[float, ...], friction: float) -> str:
    geometry = f"<box><size>{numbers(2 * np.array(box.half))}</size></box>"
    return solid(name, geometry, (*box.centre, 0, 0, 0), colour, friction)


def _bin(cell: Cell) -> str:
    walls = "".join(
        _box(f"wall{i}", wall, WALL_COLOUR, FIXED_FRICTION) for i, wall in enumerate(cell_boxes.walls(cell))
    )
    floor = _box("floor", cell_boxes.floor(cell), FLOOR_COLOUR, FIXED_FRICTION)
    return f'<model name="bin"><static>true</static><link name="bin">{floor}{walls}</link></model>'


def _finger(name: str, side: int, cell: Cell) -> str:
    boxes = [box if side > 0 else box.mirrored() for box in cell_boxes.finger(cell)]
    solids = "".join(_box(f"pad{i}", box, (0.1, 0.1, 0.1), PAD_FRICTION) for i, box in enumerate(boxes))
    mass = inertial(FINGER_MASS, (0, 0, 0.045), np.diag([1e-4, 1e-4, 2e-5]))
    return (
        f'<link name="{name}_finger"><pose>{side * cell.jaw.finger_thickness / 2} 0 0 0 0 0</pose>{mass}{solids}</link>'
    )


def _looks_down_the_axis(camera: Camera) -> bool:
    """Whether the sensor below, which has no lens and its axis in the middle, sees what `camera` does."""
    fx, fy, cx, cy = camera.intrinsics
    left, top, width, height = camera.window((1, 1))
    return (
        camera.mount == "hand"
        and camera.position[:2] == (0.0, 0.0)
        and np.allclose(camera.rotation, np.diag([1, -1, -1]))
        and not any(camera.distortion)
        and np.allclose((fx, cx, cy), (fy, left + width / 2, top + height / 2))
    )


def _camera(cell: Cell) -> str:
    if not _looks_down_the_axis(cell.camera):
        raise InvalidInput("Gazebo's world has a camera that looks down the jaw's axis: this cell's is another")
    # SDF cameras look along x with z up: turned to look along the gripper's -z, with its y at the top of the picture.
    fov = np.radians(cell.camera.view)
    return f"""
      <sensor name="wrist" type="camera">
        <pose>{numbers(cell.camera.position)} 0 {numbers([np.pi / 2, np.pi / 2])}</pose>
        <update_rate>{CAMERA_RATE}</update_rate><always_on>true</always_on><topic>{bridge.IMAGE}</topic>
        <camera><horizontal_fov>{fov:.6f}</horizontal_fov><clip><near>0.005</near><far>5</far></clip>
          <image><width>{IMAGE_SIZE}</width><height>{IMAGE_SIZE}</height><format>R8G8B8</format></image></camera>
      </sensor>"""


def _joint(name: str, joint: _Joint) -> str:
    low, high = joint.reach
    return f"""
    <joint name="{name}" type="{joint.kind}"><parent>{joint.parent}</parent><child>{joint.child}</child>
      <axis><xyz>{joint.axis}</xyz><limit><lower>{low:g}</lower><upper>{high:g}</upper>
        <effort>{joint.limit + abs(joint.offset):.6g}</effort></limit></axis></joint>"""


def _controller(name: str, joint: _Joint, release: Release) -> str:
    p, d = joint.gains
    plugin = release.plugin("joint-position-controller", "JointPositionController")
    return f"""
    <plugin {plugin}><joint_name>{name}</joint_name><topic>{bridge.joint_topic(name)}</topic>
      <p_gain>{p}</p_gain><i_gain>0</i_gain><d_gain>{d}</d_gain><cmd_offset>{joint.offset:.6g}</cmd_offset>
      <cmd_max>{joint.offset + joint.limit:.6g}</cmd_max><cmd_min>{joint.offset - joint.limit:.6g}</cmd_min></plugin>"""


def _poses(release: Release) -> str:
    return f"""
    <plugin {release.plugin("pose-publisher", "PosePublisher")}>
      <publish_link_pose>true</publish_link_pose><publish_nested_model_pose>true</publish_nested_model_pose>
      <use_pose_vector_msg>true</use_pose_vector_msg><update_frequency>{POSE_RATE}</update_frequency></plugin>"""


def _hand(release: Release, cell: Cell) -> str:
    slides = "".join(
        f'<link name="slide_{axis}">{inertial(SLIDE_MASS, (0, 0, 0), np.eye(3) * 1e-3)}</link>' for axis in "xyz"
    )
    middle = cell_boxes.palm(cell)
    mass = inertial(HAND_MASS, (0, 0, middle.centre[2]), np.eye(3) * 1e-2)
    palm = _box("palm", middle, (0.75, 0.75, 0.78), FIXED_FRICTION)
    joints_of = _joints(cell)
    joints = "".join(_joint(name, joint) for name, joint in joints_of.items())
    controllers = "".join(_controller(name, joint, release) for name, joint in joints_of.items())
    return f"""
  <model name="{bridge.HAND}"><pose>0 0 {PARK_HEIGHT} 0 0 0</pose>
    {slides}<link name="palm">{mass}{palm}{_camera(cell)}</link>{_finger("left", -1, cell)}{_finger("right", 1, cell)}
    {joints}{controllers}{_poses(release)}
  </model>"""


def world_sdf(release: Release, cell: Cell = EMBEDDED) -> str:
    """The world of `cell` as `release` reads it, without objects: those come and go with the episodes.

    Raises InvalidInput for a cell whose camera does not look down the jaw's axis.
    """
    systems = (("physics", "Physics"), ("user-commands", "UserCommands"), ("scene-broadcaster", "SceneBroadcaster"))
    plugins = "".join(f"<plugin {release.plugin(*system)}/>" for system in systems)
    sensors = release.plugin("sensors", "Sensors")
    return f"""<?xml version="1.0"?>
<sdf version="1.9"><world name="{NAME}">
  <physics name="step" type="dart"><max_step_size>{STEP}</max_step_size><real_time_factor>1</real_time_factor></physics>
  {plugins}<plugin {sensors}><render_engine>ogre2</render_engine></plugin>
  <gravity>0 0 {-GRAVITY}</gravity>
  <scene><ambient>{numbers([AMBIENT] * 3)} 1</ambient>
    <background>{numbers(SKY)} 1</background><shadows>false</shadows></scene>
  <light name="sun" type="directional"><cast_shadows>false</cast_shadows><pose>0 0 2 0 0 0</pose>
    <direction>{numbers(np.negative(LIGHT))}</direction>
    <diffuse>{numbers([SUN] * 3)} 1</diffuse><specular>0 0 0 1</specular></light>
  {_bin(cell)}{_hand(release, cell)}
</world></sdf>
"""
