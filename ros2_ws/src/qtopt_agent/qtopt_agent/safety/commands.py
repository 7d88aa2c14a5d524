"""What goes into an arm driver and what comes out: plain values of GraspCommand, SafetyStatus and set points."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.action import Action, GripperCommand
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.safety.motion import Pose
from qtopt_agent.safety.reasons import Reason

NOTHING = Action(np.zeros(3, np.float32), 0.0)
STOP = Action(np.zeros(3, np.float32), 0.0, terminate=True)


class DriverState(IntEnum):
    """The states of qtopt_msgs/SafetyStatus."""

    DISARMED = 0
    ARMED = 1
    STOPPING = 2
    HOLDING = 3


@dataclass(frozen=True)
class MotionCommand:
    """qtopt_msgs/GraspCommand: a motion in the gripper frame. stamp: capture time of the image behind it, s.

    Raises InvalidInput where nobody's name is on it.
    """

    action: Action
    writer: str
    sequence: int
    stamp: float

    def __post_init__(self) -> None:
        if not self.writer or self.sequence < 1:
            raise InvalidInput(
                f"writer is {self.writer!r}, sequence {self.sequence}: expected a name, and a number from 1"
            )


@dataclass(frozen=True)
class CommandReport:
    """What was asked and what is made of it. A refused command is allowed no motion and leaves the jaw alone."""

    asked: MotionCommand
    allowed: Action
    cuts: tuple[Reason, ...] = ()


@dataclass(frozen=True)
class Setpoint:
    """What the arm is told: pose, velocity [3] m/s and yaw rate rad/s in the base frame (REP-103), and the jaw.

    upright_rate [2]: rad/s about the base frame's x and y, which straightens the tool of an arm that takes velocities.
    streaming: False where nothing may be sent (disarmed). gripper: KEEP until there was a gripper command. effort: N.
    """

    pose: Pose
    velocity: NDArray[np.float64]
    yaw_rate: float
    upright_rate: NDArray[np.float64]
    gripper: GripperCommand
    effort: float
    state: DriverState
    streaming: bool
