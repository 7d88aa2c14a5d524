"""Between ROS 2 messages and the plain values of the ROS-free code: all of it, in one place."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, PoseStamped, Quaternion, Transform, TransformStamped, TwistStamped, Vector3
from qtopt_msgs.action import Grasp
from qtopt_msgs.msg import EpisodeEvent, GraspCommand, GraspStep, GripperState, ModelInfo, PersonCommand, SafetyStatus
from rclpy.node import Node
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from qtopt_agent.agent.values import AgentCommand, DriverStatus, Goal, GraspResult, StepRecord
from qtopt_agent.core.action import Action, GripperCommand
from qtopt_agent.core.episode import Episode
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.safety.commands import NOTHING, CommandReport, DriverState, MotionCommand, Setpoint
from qtopt_agent.safety.frame_tree import FramePose, FrameTree
from qtopt_agent.safety.reasons import Reason
from qtopt_agent.safety.tool_pose import orientation_at

NAN = float("nan")
_REASONS = {getattr(SafetyStatus, reason.name): reason for reason in Reason}


def seconds(stamp: Any) -> float:
    """builtin_interfaces/Time in s."""
    return float(stamp.sec + stamp.nanosec * 1e-9)


def clock_of(node: Node) -> float:
    """The node's time, s; -inf where its clock stands below zero, which rclpy does not tell."""
    try:
        return float(node.get_clock().now().nanoseconds * 1e-9)
    except ValueError:
        return -np.inf


def time_of(value: float) -> Any:
    """`value`, s, as builtin_interfaces/Time; 0 where it is not known (NaN)."""
    total = round(value * 1e9) if np.isfinite(value) else 0
    return Time(sec=total // 10**9, nanosec=total % 10**9)


def header(stamp: float, frame: str = "") -> Any:
    """std_msgs/Header; stamp in s."""
    return Header(stamp=time_of(stamp), frame_id=frame)


def header_stamp(data: bytes) -> float:
    """The stamp, s, of a serialised message that begins with a header: the rest is not read.

    Raises InvalidInput where it is shorter, is no CDR, or where its stamp is none.
    """
    if len(data) < 12 or data[0] or data[1] > 1:
        raise InvalidInput(f"message is {bytes(data[:12]).hex(' ')}, expected CDR with a stamp, 12 bytes or more")
    sec, nanosec = struct.unpack_from("<iI" if data[1] else ">iI", data, 4)
    if nanosec >= 10**9:
        raise InvalidInput(f"stamp has {nanosec} ns, expected less than a second")
    return float(sec + nanosec * 1e-9)


def header_frame(data: bytes) -> str:
    """The frame, without a leading slash, of a serialised message that begins with a header, as `header_stamp` says.

    Raises InvalidInput where that is no text, or longer than the message.
    """
    header_stamp(data)
    (length,) = struct.unpack_from("<I" if data[1] else ">I", data, 12) if len(data) >= 16 else (0,)
    text = bytes(data[16 : 16 + length]).removesuffix(b"\0")
    if len(text) < length - 1 or not text.isascii():
        raise InvalidInput(f"frame is {text[:40]!r}, expected {length} bytes of text")
    return text.decode("ascii").lstrip("/")


def image_message(image: Any, stamp: float, frame: str) -> Any:
    """uint8 [H, W, 3] RGB as sensor_msgs/Image."""
    height, width, _ = image.shape
    message = Image(header=header(stamp, frame), height=height, width=width, encoding="rgb8", step=3 * width)
    message.data.frombytes(np.ascontiguousarray(image).data)
    return message


def gripper_state(aperture: float, effort: float, closed: bool, stamp: Any, frame: str) -> Any:
    """qtopt_msgs/GripperState; `stamp` is a message.

    Drivers that cannot measure `effort` say 0, and some count closing as negative: the message has NaN, and the size.
    """
    size = abs(float(effort)) or NAN
    return GripperState(
        header=Header(stamp=stamp, frame_id=frame), aperture=float(aperture), effort=size, closed=closed
    )


def pose_message(position: Any, orientation: Any, stamp: float, frame: str) -> Any:
    """geometry_msgs/PoseStamped; position [3], m; orientation x, y, z, w."""
    message = PoseStamped(header=header(stamp, frame))
    message.pose.position = Point(**_named("xyz", position))
    message.pose.orientation = Quaternion(**_named("xyzw", orientation))
    return message


def pose_values(message: Any) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Position [3], m, and orientation x, y, z, w of a geometry_msgs/PoseStamped."""
    p, q = message.pose.position, message.pose.orientation
    return np.array([p.x, p.y, p.z]), np.array([q.x, q.y, q.z, q.w])


def pose_in(frame: str, message: Any) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """`pose_values` of a measured pose. Raises InvalidInput where it says that it is in another frame, or unstamped.

    Without `frame`, or where the message names none, nothing is compared.
    """
    header = message.header
    if frame and header.frame_id.lstrip("/") not in ("", frame.lstrip("/")):
        raise InvalidInput(f"a pose comes in frame {header.frame_id!r}, expected {frame!r}: it is not taken for one")
    if seconds(header.stamp) == 0:
        raise InvalidInput("a pose comes without a stamp: it is not taken for one")
    return pose_values(message)


def hear_transforms(tree: FrameTree, message: Any, static: bool) -> None:
    """Tell `tree` what tf2_msgs/TFMessage says. Raises InvalidInput on numbers that are none; the others are heard."""
    refused = None
    for each in message.transforms:
        p, q = each.transform.translation, each.transform.rotation
        stamp = np.inf if static else seconds(each.header.stamp)
        try:
            tree.hear(each.header.frame_id, each.child_frame_id, (p.x, p.y, p.z), (q.x, q.y, q.z, q.w), stamp)
        except InvalidInput as error:
            refused = error
    if refused is not None:
        raise refused


def transform_message(parent: str, child: str, pose: FramePose, stamp: float) -> Any:
    """geometry_msgs/TransformStamped of frame `child` in `parent`."""
    place = Transform(
        translation=Vector3(**_named("xyz", pose.position)), rotation=Quaternion(**_named("xyzw", pose.orientation))
    )
    return TransformStamped(header=header(stamp, parent), child_frame_id=child, transform=place)


def setpoint_pose(setpoint: Setpoint, tool: Any, stamp: float, frame: str) -> Any:
    """A set point as geometry_msgs/PoseStamped of the tool."""
    return pose_message(setpoint.pose.position, orientation_at(setpoint.pose.yaw, tool), stamp, frame)


def setpoint_twist(setpoint: Setpoint, stamp: float, frame: str) -> Any:
    """A set point as geometry_msgs/TwistStamped in the base frame."""
    message = TwistStamped(header=header(stamp, frame))
    message.twist.linear = Vector3(**_named("xyz", setpoint.velocity))
    message.twist.angular = Vector3(**_named("xyz", [*setpoint.upright_rate, setpoint.yaw_rate]))
    return message


def command_message(command: AgentCommand, frame: str) -> Any:
    """What an agent asks for, as qtopt_msgs/GraspCommand."""
    message = _motion(command.motion, frame)
    message.q, message.model_version = float(command.q), command.model_version
    message.inference_stamp = time_of(command.inference_stamp)
    return message


def motion_command(message: Any) -> MotionCommand:
    """qtopt_msgs/GraspCommand as the driver reads it. Raises InvalidInput on one that is nobody's or means nothing."""
    return MotionCommand(_action(message), message.writer, message.sequence, seconds(message.header.stamp))


def person_action(message: Any) -> Action | None:
    """The motion in qtopt_msgs/PersonCommand; None where nobody holds it.

    Raises InvalidInput on a jaw's command that there is not, or a number that is not finite.
    """
    if not message.holds:
        return None
    action = _action(message)
    if not np.isfinite([*action.translation, action.yaw]).all():
        raise InvalidInput(f"a person's motion is {action.translation.tolist()} m, {action.yaw} rad: expected numbers")
    return action


def person_message(action: Action | None, stamp: float, frame: str) -> Any:
    """What a person wants as qtopt_msgs/PersonCommand; None: they have let go."""
    wanted = action or NOTHING
    return PersonCommand(
        header=header(stamp, frame),
        holds=action is not None,
        translation=Vector3(**_named("xyz", wanted.translation)),
        yaw=float(wanted.yaw),
        gripper=int(wanted.gripper),
        terminate=wanted.terminate,
    )


def safety_status(
    state: DriverState,
    report: CommandReport | None,
    asked: Any,
    faults: tuple[Reason, ...],
    moving: bool,
    text: str,
    stamp: float,
    frame: str,
) -> Any:
    """What the driver does and why, as qtopt_msgs/SafetyStatus. asked: the GraspCommand that `report` is about."""
    message = SafetyStatus(header=header(stamp, frame), state=int(state), moving=moving, text=text)
    message.faults = _numbers(faults)
    if report is not None:
        message.asked = asked
        message.allowed = _motion(MotionCommand(report.allowed, report.asked.writer, report.asked.sequence, 0.0), "")
        message.cuts = _numbers(report.cuts)
    return message


def driver_state(message: Any) -> DriverState:
    """The state in qtopt_msgs/SafetyStatus. Raises InvalidInput where there is no such state."""
    if message.state not in tuple(DriverState):
        raise InvalidInput(f"driver state is {message.state}, expected one of {', '.join(map(str, DriverState))}")
    return DriverState(message.state)


def driver_status(message: Any) -> DriverStatus:
    """qtopt_msgs/SafetyStatus as the agent reads it. Raises InvalidInput on a state or a fault that there is not."""
    asked = message.asked
    state = driver_state(message)
    if not set(message.faults) <= _REASONS.keys():
        raise InvalidInput(f"faults are {list(message.faults)}, expected some of {', '.join(map(str, _REASONS))}")
    faults = tuple(_REASONS[number] for number in message.faults)
    allowed = _action(message.allowed)
    return DriverStatus(state, message.moving, asked.writer, asked.sequence, allowed, message.text, faults)


def goal(message: Any) -> Goal:
    """The goal of qtopt_msgs/Grasp."""
    return Goal(message.max_steps, message.timeout, message.seed)


def grasp_result(result: GraspResult) -> Any:
    """The result of qtopt_msgs/Grasp."""
    return Grasp.Result(
        outcome=int(result.outcome),
        success=result.success,
        judged=result.judged,
        episode_id=result.episode_id,
        steps=len(result.episode.steps) if result.episode else 0,
        message=result.message,
    )


def feedback(step: int, phase: int, q: float) -> Any:
    """The feedback of qtopt_msgs/Grasp."""
    return Grasp.Feedback(step=step, phase=int(phase), q=float(q))


def step_message(record: StepRecord, frame: str) -> Any:
    """A completed step as qtopt_msgs/GraspStep. Its stamp is the image's to within 1 us: it has been a float."""
    step = record.step
    return GraspStep(
        header=header(step.observation.stamp, frame),
        index=record.index,
        state=step.observation.state.tolist(),
        commanded=step.commanded.tolist(),
        executed=step.executed.tolist(),
        reward=float(step.reward),
        terminal=step.terminal,
        q=float(step.q),
        model_version=record.model_version,
        inference_stamp=time_of(step.inference_stamp),
        command_stamp=time_of(step.command_stamp),
        log_density=float(step.log_density),
        by_person=step.by_person,
    )


def start_event(stamp: float, episode_id: str, profile: str, policy: str, model_version: str, seed: int) -> Any:
    """The beginning of an attempt as qtopt_msgs/EpisodeEvent."""
    return EpisodeEvent(
        header=header(stamp),
        kind=EpisodeEvent.START,
        episode_id=episode_id,
        profile=profile,
        policy=policy,
        model_version=model_version,
        seed=seed,
    )


def end_event(episode: Episode) -> Any:
    """The end of an attempt as qtopt_msgs/EpisodeEvent."""
    return EpisodeEvent(
        header=header(episode.final.stamp),
        kind=EpisodeEvent.END,
        episode_id=episode.episode_id,
        steps=len(episode.steps),
        success=episode.success,
        truncated=episode.truncated,
        final_state=episode.final.state.tolist(),
    )


def model_info(manifest: dict[str, Any], stamp: float) -> Any:
    """The manifest of a model as qtopt_msgs/ModelInfo, with its last evaluation."""
    evaluated = manifest["evaluations"][-1] if manifest["evaluations"] else {}
    return ModelInfo(
        header=header(stamp),
        version=manifest["version"],
        profile=manifest["profile"],
        weights_sha256=manifest["sha256"]["q.safetensors"],
        episodes=int(evaluated.get("episodes", 0)),
        success_rate=float(evaluated.get("success", NAN)),
        wilson_low=float(evaluated.get("wilson_low", NAN)),
        wilson_high=float(evaluated.get("wilson_high", NAN)),
    )


def model_folder(text: str) -> Path:
    """A folder named in a parameter or request. Raises InvalidInput if there is none."""
    folder = Path(text).expanduser()
    if not text or not folder.is_dir():
        raise InvalidInput(f"there is no folder {text!r}")
    return folder


def _action(message: Any) -> Action:
    t = message.translation
    if message.gripper not in tuple(GripperCommand):
        raise InvalidInput(f"gripper is {message.gripper}, expected 0 (keep), 1 (close) or 2 (open)")
    translation = np.array([t.x, t.y, t.z], dtype=np.float32)
    return Action(translation, message.yaw, GripperCommand(message.gripper), message.terminate)


def _motion(command: MotionCommand, frame: str) -> Any:
    action = command.action
    return GraspCommand(
        header=header(command.stamp, frame),
        writer=command.writer,
        sequence=command.sequence,
        translation=Vector3(**_named("xyz", action.translation)),
        yaw=float(action.yaw),
        gripper=int(action.gripper),
        terminate=action.terminate,
        q=NAN,
    )


def _numbers(reasons: tuple[Reason, ...]) -> list[int]:
    return [getattr(SafetyStatus, reason.name) for reason in reasons]


def _named(names: str, values: Any) -> dict[str, float]:
    return {name: float(value) for name, value in zip(names, values, strict=True)}
