"""Why an arm was stopped or a command cut: the constants of qtopt_msgs/SafetyStatus, by the same names."""

from enum import StrEnum


class Reason(StrEnum):
    """The value is the text for people."""

    CAMERA_STALE = "no new image within its age limit"
    GRIPPER_STALE = "no new gripper state within its age limit"
    POSE_STALE = "no new measured pose within its age limit"
    COMMAND_STALE = "the agent fell silent in the middle of a motion"
    NOT_FINITE = "NaN or infinity in a command or a measurement"
    SECOND_WRITER = "two agents command the same arm"
    CLOCK_JUMP = "the clock went back, or a stamp lies in the future"
    OUTSIDE = "measured pose outside the workspace box"
    TILTED = "the tool does not point down"
    NOT_FOLLOWING = "the arm does not follow its set point"
    POSE_JUMP = "the measured pose jumped further than the arm can move"
    FOREIGN_SETPOINTS = "somebody else publishes set points to the arm"
    DRIVER_LATE = "the driver itself was held up"
    GUARD_SPOKE = "the stop guard has taken the driver for dead and stopped the arm"
    WORKSPACE = "target outside the workspace box"
    TRANSLATION = "translation over the limit of one step"
    YAW = "turn over the limit of one step"
    NOT_ARMED = "the driver is not armed"
    OLD = "the command is not the newest, or its stamp is too old or in the future"
