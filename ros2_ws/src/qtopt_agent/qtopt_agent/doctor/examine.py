"""What is wrong with a running graph or a configuration, from plain data about it."""

from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import numpy as np

from qtopt_agent.core.errors import InvalidInput, QtoptError
from qtopt_agent.core.profile import get_profile
from qtopt_agent.models import store as model_store
from qtopt_agent.perception.ingest import RawImage, ingest_image, ingest_spec
from qtopt_agent.agent.inputs import InputLimits
from qtopt_agent.safety.arm_profile import ARM_PARAMETERS, arm_profile, read_parameters
from qtopt_agent.safety.commands import DriverState
from qtopt_agent.safety.watchdog import TOLERANCE, AgeLimits

MIN_RATE = 5.0  # Hz: with less, an arm waits longer for a picture than it moves
SENSOR_RATE = 20.0  # Hz, of the gripper and of the pose


class Severity(IntEnum):
    """OK comes with what was found to be well; a WARNING works, badly; an ERROR does not."""

    OK = 0
    WARNING = 1
    ERROR = 2


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. advice: what to do; empty where all is well."""

    severity: Severity
    text: str
    advice: str = ""


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


def examine_arm_file(file: Path) -> list[Finding]:
    """Whether an arm driver would start with the parameters in `file`, and whether they are wise."""
    try:
        parameters = read_parameters(file)
        profile = arm_profile(parameters)
    except InvalidInput as error:
        return [Finding(Severity.ERROR, str(error), f"correct {file}")]
    driver, box = profile.driver, profile.driver.step.workspace
    findings = [Finding(Severity.OK, f"{file}: {len(parameters)} of {len(ARM_PARAMETERS)} parameters given, all valid")]
    size = np.subtract(box.high, box.low)
    if size.max() > 1.5:
        text = f"the workspace is {' x '.join(f'{side:.2f}' for side in size)} m"
        findings.append(Finding(Severity.WARNING, text, "give the box of the bin and a little above, not of the arm"))
    if not box.low[2] <= profile.floor_height + 0.05 or not profile.floor_height < box.high[2]:
        text = f"the bin's floor is at {profile.floor_height} m, the workspace from {box.low[2]} to {box.high[2]} m"
        findings.append(Finding(Severity.WARNING, text, "objects on the floor are out of reach: check floor_height"))
    rates = driver.rates
    longest = driver.step.max_translation / rates.speed + rates.speed / rates.acceleration
    if longest > 3:
        text = f"the longest motion takes {longest:.1f} s"
        findings.append(Finding(Severity.WARNING, text, "the agent sees nothing meanwhile: raise limits.speed"))
    return findings


def examine_model(folder: Path, image_size: tuple[int, int] | None = None) -> list[Finding]:
    """Whether the model in `folder` is whole and takes pictures of `image_size` (height, width), px."""
    try:
        manifest = model_store.verify(folder)
        findings = [Finding(Severity.OK, f"model {manifest['version']} is whole, profile {manifest['profile']}")]
        if image_size is not None:
            height, width = image_size
            blank = RawImage(bytes(3 * height * width), "rgb8", height, width, 3 * width)
            findings.append(_fits(manifest["profile"], blank))
    except QtoptError as error:
        return [Finding(Severity.ERROR, str(error), "fetch the model again, or name another one")]
    return findings


def worst(findings: list[Finding]) -> Severity:
    """The gravest severity among `findings`."""
    return max((finding.severity for finding in findings), default=Severity.OK)


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


def _fits(profile_name: str, image: RawImage) -> Finding:
    try:
        profile = get_profile(profile_name)
        ingest_image(image, ingest_spec(profile))
    except InvalidInput as error:
        advice = f"set the camera to rgb8 or bgr8 and to a size that profile {profile_name} can be cut from"
        return Finding(Severity.ERROR, f"the model does not fit the camera: {error}", advice)
    size = profile.observation.image_size
    text = f"{image.width}x{image.height} {image.encoding} becomes the model's {size[1]}x{size[0]} px"
    return Finding(Severity.OK, text)


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
