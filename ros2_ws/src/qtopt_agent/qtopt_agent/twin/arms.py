"""The two arms: robosuite's models of them, what their drivers call things, and how their controllers behave."""

from dataclasses import dataclass
from enum import Enum

from qtopt_agent.core.errors import InvalidInput


class Takes(Enum):
    """What an arm's controller takes, and how."""

    TWISTS = "MoveIt Servo"  # refuses all until told to take twists; stands 0.1 s after the last one
    POSES = "a Cartesian controller"  # goes to the last one, whenever it came


@dataclass(frozen=True)
class TwinJaw:
    """A two-finger hand of robosuite and the action server of its driver.

    joints: in MuJoCo, as multiples of the first, which is driven. published: names in /joint_states, likewise.
    opened, closed: positions of the first, m or rad. rate: per s. height: of the finger tips beyond the hand's flange
    when shut, m. force: of each finger, at most, N. lever: m between it and the first joint, 1 where that slides.
    action: the server's name. parallel: whether it takes ParallelGripperCommand, else GripperCommand. aborts: whether a
    stall ends a goal as aborted, as ros2_controllers has it unless told otherwise, or well.
    """

    model: str
    joints: dict[str, float]
    published: dict[str, float]
    opened: float
    closed: float
    rate: float
    height: float
    force: float
    lever: float
    action: str
    parallel: bool
    aborts: bool


@dataclass(frozen=True)
class TwinArm:
    """A robosuite arm with its hand, and how its driver has it.

    model: robosuite's file. joints: MuJoCo's name of each, and its driver's. home: from which it comes to the bin, rad.
    rates: rad/s. torques: Nm. stiffness, damping: of each joint's position controller, Nm/rad and Nms/rad. give: how
    far a joint may be from where it is told to be before the controller waits for it, rad. base, flange, tip: frames
    on /tf. tip_turn: x, y, z, w of the tip's frame in the flange's, whose y closes the jaw. setpoints: a topic.
    """

    model: str
    joints: dict[str, str]
    home: tuple[float, ...]
    rates: tuple[float, ...]
    torques: tuple[float, ...]
    stiffness: float
    damping: float
    give: float
    takes: Takes
    base: str
    flange: str
    tip: str
    tip_turn: tuple[float, float, float, float]
    setpoints: str
    jaw: TwinJaw


_PANDA_HAND = TwinJaw(
    model="grippers/panda_gripper.xml",
    joints={"finger_joint1": 1.0, "finger_joint2": -1.0},
    published={"fr3_finger_joint1": 1.0, "fr3_finger_joint2": 1.0},
    opened=0.04,
    closed=0.0,
    rate=0.05,
    height=0.1063,
    force=70.0,
    lever=1.0,
    action="franka_gripper/gripper_action",
    parallel=False,
    aborts=False,
)
_ROBOTIQ_85 = TwinJaw(
    model="grippers/robotiq_gripper_85.xml",
    joints={
        "finger_joint": 1.0,
        "right_outer_knuckle_joint": 1.0,
        "left_inner_knuckle_joint": 1.0,
        "right_inner_knuckle_joint": 1.0,
        "left_inner_finger_joint": -1.0,
        "right_inner_finger_joint": -1.0,
    },
    published={
        "robotiq_85_left_knuckle_joint": 1.0,
        "robotiq_85_right_knuckle_joint": -1.0,
        "robotiq_85_left_inner_knuckle_joint": 1.0,
        "robotiq_85_right_inner_knuckle_joint": -1.0,
        "robotiq_85_left_finger_tip_joint": -1.0,
        "robotiq_85_right_finger_tip_joint": 1.0,
    },
    opened=0.0,
    closed=0.8,
    rate=1.2,
    height=0.163,
    force=235.0,
    lever=0.0571,
    action="robotiq/robotiq_gripper_controller/gripper_cmd",
    parallel=True,
    aborts=True,
)
ARMS = {
    "panda": TwinArm(
        model="robots/panda/robot.xml",
        joints={f"joint{i}": f"fr3_joint{i}" for i in range(1, 8)},
        home=(0.0, 0.2, 0.0, -2.3, 0.0, 2.5, 0.785),
        rates=(2.0, 1.0, 1.5, 1.25, 3.0, 1.5, 3.0),
        torques=(87.0, 87.0, 87.0, 87.0, 12.0, 12.0, 12.0),
        stiffness=3000.0,
        damping=150.0,
        give=0.02,
        takes=Takes.POSES,
        base="fr3_link0",
        flange="fr3_hand",
        tip="fr3_hand_tcp",
        tip_turn=(0.0, 0.0, 0.0, 1.0),
        setpoints="cartesian_motion_controller/target_frame",
        jaw=_PANDA_HAND,
    ),
    "ur5e": TwinArm(
        model="robots/ur5e/robot.xml",
        joints={
            name: name
            for name in (
                "shoulder_pan_joint",
                "shoulder_lift_joint",
                "elbow_joint",
                "wrist_1_joint",
                "wrist_2_joint",
                "wrist_3_joint",
            )
        },
        home=(-0.47, -1.9, 2.2, -1.87, -1.57, 4.29),  # a wrist that may turn half round to each side
        rates=(3.14,) * 6,
        torques=(150.0, 150.0, 150.0, 28.0, 28.0, 28.0),
        stiffness=5000.0,
        damping=250.0,
        give=0.02,
        takes=Takes.TWISTS,
        base="base_link",
        flange="tool0",
        tip="grasp_tip",
        tip_turn=(0.0, 0.0, 0.5**0.5, 0.5**0.5),
        setpoints="servo_node/delta_twist_cmds",
        jaw=_ROBOTIQ_85,
    ),
}


def twin_arm(name: str) -> TwinArm:
    """The arm called `name`. Raises InvalidInput where there is none."""
    if name not in ARMS:
        raise InvalidInput(f"twin is {name!r}, expected one of {', '.join(ARMS)}")
    return ARMS[name]
