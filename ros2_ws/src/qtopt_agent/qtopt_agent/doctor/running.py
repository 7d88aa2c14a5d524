"""What is wrong with a running graph, from plain data about it."""

from dataclasses import dataclass

import numpy as np

from qtopt_agent.agent.inputs import InputLimits
from qtopt_agent.cells.agreement import CameraInfo, camera_disagreements
from qtopt_agent.core.cell import Cell
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.profile import get_profile
from qtopt_agent.doctor.findings import Finding, Severity
from qtopt_agent.doctor.picture import fits
from qtopt_agent.perception.ingest import RawImage
from qtopt_agent.safety.commands import DriverState
from qtopt_agent.safety.watchdog import TOLERANCE, AgeLimits

MIN_RATE = 5.0  # Hz: with less, an arm waits longer for a picture than it moves
SENSOR_RATE = 20.0  # Hz, of the gripper and of the pose


@dataclass(frozen=True)
class Stream:
    """What was heard of one topic: rate in Hz, age of the newest stamp on arrival in s (negative: in the future).

    frozen: messages came, but their stamps did not advance. publishers: how many there are.
    """

    topic: str
    rate: float = 0.0
    age: float = float("nan")
    frozen: bool = False
    publishers: int = 0


@dataclass(frozen=True)
class Snapshot:
    """A few seconds of a running graph. `image` is the newest picture; None and "" stand for what was not found."""

    camera: Stream
    gripper: Stream
    pose: Stream
    command: Stream
    image: RawImage | None = None
    sizes: tuple[tuple[int, int], ...] = ()  # (height, width) of all pictures, each once
    aperture: float = float("nan")
    driver_state: DriverState | None = None
    driver_text: str = ""
    workspace: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    cell: Cell | None = None  # the arm's
    camera_info: CameraInfo | None = None
    model_profile: str = ""
    model_version: str = ""
    clock_went_back: bool = False
    uses_sim_time: bool = False
    clock_publishers: int = 0


def examine(snapshot: Snapshot, limits: InputLimits, ages: AgeLimits) -> list[Finding]:
    """Everything worth saying about a running graph, in the order of the data's way through it."""
    findings = [
        *_stream("camera", snapshot.camera, min(limits.image_age, ages.camera), MIN_RATE),
        *_image(snapshot),
        *_camera_info(snapshot),
        *_stream("gripper state", snapshot.gripper, ages.gripper, SENSOR_RATE),
        *_stream("measured pose", snapshot.pose, ages.pose, SENSOR_RATE),
        *_clock(snapshot),
        *_model(snapshot),
        *_driver(snapshot),
    ]
    if snapshot.gripper.rate > 0 and not np.isfinite(snapshot.aperture):
        text = f"the aperture is {snapshot.aperture}"
        findings.append(Finding(Severity.ERROR, text, "check gripper.joint and its two positions in the arm's profile"))
    return findings


def _fits(profile_name: str, image: RawImage) -> Finding:
    try:
        return fits(get_profile(profile_name), image)
    except InvalidInput as error:
        return Finding(Severity.ERROR, f"the model: {error}", "load one that this version knows")


def _stream(name: str, stream: Stream, limit: float, rate: float) -> list[Finding]:
    if stream.publishers == 0:
        advice = f"start the node that publishes {stream.topic}, or remap it"
        return [Finding(Severity.ERROR, f"no {name}: nobody publishes {stream.topic}", advice)]
    if stream.rate == 0:
        advice = "is its QoS reliability what it is expected to be? does the device stream? same ROS_DOMAIN_ID?"
        return [Finding(Severity.ERROR, f"no {name}: {stream.topic} has a publisher, but nothing comes", advice)]
    found = []
    if stream.frozen:
        advice = "restart the device's node: it repeats an old message"
        found.append(Finding(Severity.ERROR, f"{name} is frozen: its stamps do not advance", advice))
    elif stream.age > limit:
        advice = "do both machines have the same time (chrony)? is the network or the processor overloaded?"
        found.append(Finding(Severity.ERROR, f"{name} is {stream.age:.2f} s old on arrival, limit {limit} s", advice))
    elif stream.age < -TOLERANCE:
        advice = "synchronise the clocks (chrony), and set use_sim_time on all nodes or on none"
        found.append(Finding(Severity.ERROR, f"{name} is stamped {-stream.age:.2f} s in the future", advice))
    if stream.rate < rate:
        text = f"{name} comes {stream.rate:.1f} times a second, expected at least {rate:.0f}"
        found.append(Finding(Severity.WARNING, text, "raise the rate of the device, or lower its resolution"))
    if stream.publishers > 1:
        text = f"{stream.publishers} nodes publish {stream.topic}"
        found.append(Finding(Severity.WARNING, text, "stop all but one"))
    return found or [Finding(Severity.OK, f"{name}: {stream.rate:.1f} Hz, {1000 * stream.age:.0f} ms old on arrival")]


def _image(snapshot: Snapshot) -> list[Finding]:
    image, found = snapshot.image, []
    if image is None:
        return []
    if len(snapshot.sizes) > 1:
        sizes = ", ".join(f"{width}x{height}" for height, width in snapshot.sizes)
        found.append(Finding(Severity.ERROR, f"images of several sizes: {sizes} px", "stop all cameras but one"))
    if snapshot.model_profile:
        found.append(_fits(snapshot.model_profile, image))
    return found


def _camera_info(snapshot: Snapshot) -> list[Finding]:
    if snapshot.cell is None or snapshot.camera_info is None:
        return []
    off = camera_disagreements(snapshot.cell.camera, snapshot.camera_info)
    advice = "correct the cell's file, or choose the stream that it says: qtopt cell show"
    found = [Finding(Severity.ERROR, text, advice) for text in off]
    return found or [Finding(Severity.OK, "camera_info is what the cell says")]


def _clock(snapshot: Snapshot) -> list[Finding]:
    found = []
    if snapshot.clock_went_back:
        advice = "resume the driver after a reset of the simulator; otherwise look for two time sources"
        found.append(Finding(Severity.ERROR, "the clock went back", advice))
    if snapshot.uses_sim_time and snapshot.clock_publishers != 1:
        text = f"use_sim_time is set, and {snapshot.clock_publishers} nodes publish /clock"
        found.append(Finding(Severity.ERROR, text, "start one simulator, or unset use_sim_time"))
    return found


def _model(snapshot: Snapshot) -> list[Finding]:
    if not snapshot.model_version:
        return [Finding(Severity.ERROR, "no model is loaded", "start the agent with model:=FOLDER, or call load_model")]
    return [Finding(Severity.OK, f"model {snapshot.model_version}, profile {snapshot.model_profile}")]


def _driver(snapshot: Snapshot) -> list[Finding]:
    found = []
    if snapshot.command.publishers > 1:
        text = f"{snapshot.command.publishers} nodes publish {snapshot.command.topic}"
        found.append(Finding(Severity.ERROR, text, "stop all agents but one: the driver takes commands of one only"))
    if snapshot.driver_state is None:
        return [*found, Finding(Severity.ERROR, "no arm driver", "start arm_driver, and look at its log")]
    if snapshot.workspace is None:
        advice = "give workspace.low and workspace.high in the arm's profile"
        found.append(Finding(Severity.ERROR, "the arm driver has no workspace", advice))
    state = snapshot.driver_state
    if state == DriverState.ARMED:
        found.append(Finding(Severity.OK, "the arm driver is armed"))
    elif state == DriverState.DISARMED:
        found.append(Finding(Severity.WARNING, "the arm driver is disarmed", "call its arm service"))
    else:
        advice = "remove the cause, then call its resume service"
        found.append(Finding(Severity.ERROR, f"the arm driver is {state.name}: {snapshot.driver_text}", advice))
    return found
