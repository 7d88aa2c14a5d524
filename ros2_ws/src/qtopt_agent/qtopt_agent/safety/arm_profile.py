"""Parameters of the arm driver: what each means, and what they become. One YAML file for each kind of arm."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.cells.cell_file import load_cell
from qtopt_agent.core.cell import EMBEDDED, Cell
from qtopt_agent.core.errors import InvalidInput, unknown
from qtopt_agent.core.parameter import Parameter, checked
from qtopt_agent.documents import read_yaml
from qtopt_agent.safety.driver_settings import DriverSettings, Output
from qtopt_agent.safety.limits import MotionLimits, WorkspaceBox
from qtopt_agent.safety.motion import RateLimits
from qtopt_agent.safety.tool_pose import unit_quaternion
from qtopt_agent.safety.watchdog import AgeLimits

GRIPPER_INTERFACES = ("parallel_gripper_command", "gripper_command", "topic")


ARM_PARAMETERS = (
    Parameter("base_frame", "base_link", "Frame of all set points and of the workspace box; z points up."),
    Parameter("tip_frame", "tool0", "Frame of the tool, between the finger tips."),
    Parameter(
        "tool_orientation", [1.0, 0.0, 0.0, 0.0], "x, y, z, w of the tip frame in the base frame at yaw 0.", -10, 10
    ),
    Parameter(
        "tip_parent", "", "Frame in which the tip frame is, if the driver is to say it on /tf where nobody else does."
    ),
    Parameter("tip_position", [0.0, 0.0, 0.0], "x, y, z of the tip frame in tip_parent, m.", -1, 1),
    Parameter("tip_orientation", [0.0, 0.0, 0.0, 1.0], "x, y, z, w of the tip frame in tip_parent.", -10, 10),
    Parameter(
        "cell",
        "",
        "Cell: a name in config/cells, or a file. Its workspace, floor and aperture hold where none are given here.",
        path=True,
    ),
    Parameter(
        "simulated", False, "No real arm: the embedded cell's workspace holds for it, which nobody has measured."
    ),
    Parameter("floor_height", 0.0, "Height of the bin's floor in the base frame, m.", -5.0, 5.0),
    Parameter("pose_topic", "", "PoseStamped of the tip frame in the base frame; empty: take it from tf."),
    Parameter("joint_states_topic", "joint_states", "JointState in which the gripper's joint is."),
    Parameter(
        "image_topic",
        "camera/image_raw",
        "Image of the camera that the agent decides by; CompressedImage where it ends in /compressed.",
    ),
    Parameter("camera_info_topic", "", "CameraInfo of that camera; empty: camera_info beside image_topic."),
    Parameter("rate", 100.0, "Set points per second, Hz.", 50.0, 1000.0),
    Parameter("output.type", "twist", "What the controller takes: twist (TwistStamped) or pose (PoseStamped)."),
    Parameter("output.topic", "arm/target_twist", "Topic of the set points."),
    Parameter(
        "output.servo", "", "MoveIt Servo's node, which the driver tells to take twists before it arms; empty: none."
    ),
    Parameter("workspace.low", [0.0], "REQUIRED. Lowest x, y, z of the finger tips in the base frame, m.", -10, 10),
    Parameter("workspace.high", [0.0], "REQUIRED. Highest x, y, z of the finger tips in the base frame, m.", -10, 10),
    Parameter("limits.step_translation", 0.11, "Longest motion of one command, m.", 0.001, 1.0),
    Parameter("limits.step_yaw", 1.6, "Largest turn of one command, rad.", 0.01, 3.2),
    Parameter("limits.speed", 0.25, "m/s.", 0.001, 3.0),
    Parameter("limits.acceleration", 1.0, "m/s^2.", 0.01, 30.0),
    Parameter("limits.yaw_rate", 1.0, "rad/s.", 0.01, 20.0),
    Parameter("limits.yaw_acceleration", 4.0, "rad/s^2.", 0.01, 200.0),
    Parameter("limits.lead", 0.03, "How far a set point may be ahead of the hand, m.", 0.001, 0.2),
    Parameter("limits.yaw_lead", 0.5, "How far a set point may be turned ahead of the hand, rad.", 0.01, 3.0),
    Parameter("limits.tilt", 0.2, "How far the tool may lean away from its orientation, rad.", 0.01, 1.0),
    Parameter("limits.outside", 0.02, "How far the hand may be outside the workspace box, m.", 0.0, 0.1),
    Parameter("arrival", 0.005, "Distance from its goal at which a motion is over, m.", 0.0005, 0.05),
    Parameter("patience", 0.3, "Time without headway after which a motion is over, s.", 0.05, 5.0),
    Parameter("ages.camera", 0.4, "Oldest image while armed, s: the stop leaves before it is older.", 0.01, 10.0),
    Parameter("ages.gripper", 0.4, "Oldest gripper state while armed, s.", 0.01, 10.0),
    Parameter("ages.pose", 0.2, "Oldest measured pose while armed, s.", 0.01, 10.0),
    Parameter("ages.command", 0.5, "Oldest command while moving, s.", 0.01, 10.0),
    Parameter(
        "ages.driver", 0.3, "Silence after which an armed driver is taken for dead, and the arm stopped, s.", 0.2, 10.0
    ),
    Parameter("writer_timeout", 2.0, "Silence after which another agent may take over, s.", 0.1, 60.0),
    Parameter("gripper.interface", "parallel_gripper_command", f"One of {', '.join(GRIPPER_INTERFACES)}."),
    Parameter("gripper.name", "gripper_controller/gripper_cmd", "Name of the action, or of the topic."),
    Parameter("gripper.joint", "finger_joint", "Joint in joint_states_topic that tells the aperture."),
    Parameter("gripper.open_position", 0.04, "Position of that joint when open, m or rad.", -10.0, 10.0),
    Parameter("gripper.closed_position", 0.0, "Position of that joint when closed, m or rad.", -10.0, 10.0),
    Parameter("gripper.open_aperture", 0.08, "Distance between the fingers when open, m.", 0.001, 1.0),
    Parameter("gripper.effort", 20.0, "Largest force of the fingers, N.", 0.1, 500.0),
    Parameter("gripper.time", 1.0, "From a gripper command to the end of its step, s.", 0.0, 10.0),
)


@dataclass(frozen=True)
class GripperProfile:
    """How to talk to a gripper, and its joint's positions (m or rad) at the two ends of its aperture (m)."""

    interface: str
    name: str
    joint: str
    open_position: float
    closed_position: float
    open_aperture: float
    effort: float

    def aperture(self, position: float) -> float:
        """Distance between the fingers, m, at joint `position`."""
        share = (position - self.closed_position) / (self.open_position - self.closed_position)
        return share * self.open_aperture


@dataclass(frozen=True)
class ArmProfile:
    """Everything an arm driver is told. tool: quaternion x, y, z, w. floor_height: m. rate: Hz.

    tip_position, tip_orientation: of the tip frame in tip_parent, m and x, y, z, w.
    """

    driver: DriverSettings
    gripper: GripperProfile
    base_frame: str
    tip_frame: str
    tool: NDArray[np.float64]
    tip_parent: str
    tip_position: tuple[float, ...]
    tip_orientation: NDArray[np.float64]
    floor_height: float
    cell: Cell | None
    pose_topic: str
    joint_states_topic: str
    image_topic: str
    output_topic: str
    servo: str
    rate: float


def read_parameters(file: Path) -> dict[str, Any]:
    """The parameters of a ROS 2 file (`/**: ros__parameters:`), with dots in nested names. Raises InvalidInput."""
    content = read_yaml(file)
    nodes = content if isinstance(content, dict) else {}
    found: dict[str, Any] = {}
    for node in nodes.values():
        if not isinstance(node, dict) or not isinstance(node.get("ros__parameters"), dict):
            raise InvalidInput(f"{file}: expected `/**:` and below it `ros__parameters:` with the parameters")
        found |= _flat(node["ros__parameters"])
    return found


def arm_profile(parameters: Mapping[str, Any]) -> ArmProfile:
    """What `parameters` (those not given have their defaults) mean.

    Raises InvalidInput, naming the parameter, on one that is unknown, missing, of another type or out of range.
    """
    p = _all(parameters)
    return ArmProfile(
        _driver(p),
        _gripper(p),
        p["base_frame"],
        p["tip_frame"],
        unit_quaternion(p["tool_orientation"]),
        p["tip_parent"],
        _three(p, "tip_position"),
        unit_quaternion(p["tip_orientation"]),
        p["floor_height"],
        arm_cell(p),
        p["pose_topic"],
        p["joint_states_topic"],
        p["image_topic"],
        p["output.topic"],
        p["output.servo"],
        p["rate"],
    )


def _all(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Every parameter by name, each in its range."""
    known = {parameter.name: parameter for parameter in ARM_PARAMETERS}
    for name in parameters:
        if name not in known:
            raise unknown("parameter", name, known)
    return with_cell({name: checked(known[name], parameters.get(name, known[name].default)) for name in known})


def arm_cell(p: Mapping[str, Any]) -> Cell | None:
    """The cell that the parameters `p` name, if they do. Raises InvalidInput where there is none of that name."""
    return load_cell(p["cell"]) if p["cell"] else None


def with_cell(p: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters `p`, all or some, with what their cell says in place of defaults.

    A cell with the embedded simulator's workspace, which nobody has measured, says nothing of a real arm's, nor of
    where its floor is. Raises InvalidInput where a parameter and the cell say two things.
    """
    found, cell = dict(p), arm_cell(p)
    if cell is None:
        return found
    defaults = {parameter.name: parameter.default for parameter in ARM_PARAMETERS}
    said: dict[str, Any] = {"gripper.open_aperture": cell.jaw.aperture}
    measured = cell.workspace != EMBEDDED.workspace
    if measured or p.get("simulated"):
        said |= {"workspace.low": list(cell.workspace.low), "workspace.high": list(cell.workspace.high)}
    if measured:
        said |= {"floor_height": cell.bin.position[2]}
    for name in said.keys() & found.keys():
        if found[name] not in (defaults[name], said[name]):
            raise InvalidInput(f"{name} is {found[name]}, the cell {p['cell']} says {said[name]}: leave it to the cell")
        found[name] = said[name]
    return found


def _driver(p: Mapping[str, Any]) -> DriverSettings:
    for name in ("workspace.low", "workspace.high"):
        if len(p[name]) != 3:
            raise InvalidInput(
                f"{name} is missing: every arm has to be told where its finger tips may be, x, y, z in m, or its cell"
            )
    if p["output.type"] not in tuple(Output):
        raise InvalidInput(f"output.type is {p['output.type']!r}, expected twist or pose")
    if p["output.servo"] and p["output.type"] != Output.TWIST:
        raise InvalidInput(f"output.servo is {p['output.servo']!r}, output.type {p['output.type']}: expected twist")
    box = WorkspaceBox(tuple(p["workspace.low"]), tuple(p["workspace.high"]))
    return DriverSettings(
        MotionLimits(box, p["limits.step_translation"], p["limits.step_yaw"]),
        Output(p["output.type"]),
        RateLimits(p["limits.speed"], p["limits.acceleration"], p["limits.yaw_rate"], p["limits.yaw_acceleration"]),
        AgeLimits(p["ages.camera"], p["ages.gripper"], p["ages.pose"], p["ages.command"], p["ages.driver"]),
        1 / p["rate"],
        gripper_effort=p["gripper.effort"],
        gripper_time=p["gripper.time"],
        lead=p["limits.lead"],
        yaw_lead=p["limits.yaw_lead"],
        arrival=p["arrival"],
        patience=p["patience"],
        margin=p["limits.outside"],
        tilt=p["limits.tilt"],
        writer_timeout=p["writer_timeout"],
    )


def _three(p: Mapping[str, Any], name: str) -> tuple[float, ...]:
    if len(p[name]) != 3:
        raise InvalidInput(f"{name} is {p[name]}, expected x, y, z in m")
    return tuple(p[name])


def _gripper(p: Mapping[str, Any]) -> GripperProfile:
    if p["gripper.interface"] not in GRIPPER_INTERFACES:
        raise InvalidInput(
            f"gripper.interface is {p['gripper.interface']!r}, expected one of {', '.join(GRIPPER_INTERFACES)}"
        )
    if p["gripper.open_position"] == p["gripper.closed_position"]:
        raise InvalidInput("gripper.open_position and gripper.closed_position are the same")
    return GripperProfile(
        p["gripper.interface"],
        p["gripper.name"],
        p["gripper.joint"],
        p["gripper.open_position"],
        p["gripper.closed_position"],
        p["gripper.open_aperture"],
        p["gripper.effort"],
    )


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return flat
