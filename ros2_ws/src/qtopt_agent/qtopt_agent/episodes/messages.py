"""Between images, steps and events as ROS 2 messages and core values, and what makes sense in them."""

import struct
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from rosbags.serde import SerdeError

from qtopt_agent.core.episode import Step
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.observation import Observation
from qtopt_agent.episodes.message_types import EVENT, IMAGE, STEP, TOPICS, from_cdr, typestore
from qtopt_agent.perception.ingest import RawImage, decode, stored

START, END = 0, 1
NANOSECONDS = 10**9
SAME = 1000  # ns: stamps this near are one; today's, as a float of seconds, are whole multiples of 238 ns


class Stamped(Protocol):
    """Any message with a header."""

    header: Any


def received(topic: str, data: bytes) -> Any:
    """The message in `data` from outside. Raises InvalidInput on other bytes, or an image that `rgb` cannot read."""
    try:
        message = from_cdr(topic, data)
        if topic == IMAGE:
            _check_pixels(message)
    except (SerdeError, struct.error, ValueError) as error:
        raise InvalidInput(f"{topic}: no usable {TOPICS[topic]}: {error}") from error
    return message


def nanoseconds(stamp: float, name: str) -> int:
    """`stamp` in s, from 0 to 2**31, as whole ns. Raises InvalidInput, calling it `name`, on anything else."""
    if not 0 <= stamp < 2**31:
        raise InvalidInput(f"{name} is {stamp}, expected seconds from 0 to 2**31")
    whole = int(stamp)  # apart from its fraction: their product with 10**9 would not fit a float's 53 bits
    return whole * NANOSECONDS + round((stamp - whole) * NANOSECONDS)


def stamp_of(message: Stamped) -> int:
    """The header's stamp in ns."""
    return int(message.header.stamp.sec * NANOSECONDS + message.header.stamp.nanosec)


def image_message(observation: Observation) -> Any:
    """sensor_msgs/Image, rgb8. Raises InvalidInput unless the image is uint8 [H, W, 3]."""
    image = observation.image
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise InvalidInput(f"image is {image.dtype} {list(image.shape)}, expected uint8 [height, width, 3]")
    height, width, _ = image.shape
    header = _header(observation.stamp, "camera_optical_frame")
    return _new("sensor_msgs/msg/Image", header, height, width, "rgb8", 0, 3 * width, np.ravel(image))


def step_message(step: Step, index: int, model_version: str) -> Any:
    """qtopt_msgs/GraspStep. Raises InvalidInput, naming the field, on a wrong type or a value that is not finite."""
    message = _new(
        TOPICS[STEP],
        _header(step.observation.stamp, "gripper"),
        index,
        _vector(step.observation.state, "state"),
        _privileged(step.observation),
        _vector(step.commanded, "commanded action"),
        _vector(step.executed, "executed action"),
        float(step.reward),
        bool(step.terminal),
        float(step.q),
        model_version,
        _time(step.inference_stamp, "inference stamp"),
        _time(step.command_stamp, "command stamp"),
        bool(step.by_person),
        float(step.log_density),
    )
    check_step(message)
    return message


def check_step(message: Any) -> None:
    """Raises InvalidInput, naming the field, on a GraspStep with a number that is not finite."""
    for name in ("state", "privileged", "commanded", "executed"):
        _vector(getattr(message, name), name)
    if not np.isfinite(message.reward):
        raise InvalidInput(f"reward is {message.reward}, expected a finite number")
    if np.isinf(message.q):
        raise InvalidInput(f"q is {message.q}, expected a finite number, or NaN where there is none")
    if np.isinf(message.log_density):
        raise InvalidInput(f"log_density is {message.log_density}, expected a finite number, or NaN where unknown")


def check_order(before: Any, step: Any) -> None:
    """Raises InvalidInput where a GraspStep cannot follow the one `before`, None for the first."""
    if before and before.terminal:
        raise InvalidInput(f"step {step.index} came after the attempt's last one")
    for name, time in _TIMES.items():
        stamp, earliest = _seconds(time(step)), _seconds(time(before)) if before else 0.0
        if stamp < earliest:
            raise InvalidInput(f"{name} stamp of step {step.index} is {stamp} s, expected at least {earliest} s")


_TIMES: dict[str, Callable[[Any], Any]] = {
    "capture": lambda step: step.header.stamp,
    "inference": lambda step: step.inference_stamp,
    "command": lambda step: step.command_stamp,
}


def check_end(message: Any) -> None:
    """Raises InvalidInput, naming the field, on an END event with a number that is not finite."""
    _vector(message.final_state, "final state")
    _vector(message.final_privileged, "final privileged state")


def start_message(
    episode_id: str, profile: str, policy: str, model_version: str, seed: int, objects: tuple[str, ...], stamp: Any
) -> Any:
    """qtopt_msgs/EpisodeEvent that opens an episode. Raises InvalidInput on a seed outside int64.

    stamp: the builtin_interfaces/Time of the first image.
    """
    if not -(2**63) <= seed < 2**63:
        raise InvalidInput(f"seed is {seed}, expected a 64-bit integer")
    nothing = np.zeros(0, np.float32)
    about = (episode_id, profile, policy, model_version, int(seed), list(objects))
    return _event(_new("std_msgs/msg/Header", stamp, ""), START, *about, 0, False, False, nothing, nothing)


def end_message(episode_id: str, steps: int, success: bool, truncated: bool, final: Observation) -> Any:
    """qtopt_msgs/EpisodeEvent that closes an episode. Raises InvalidInput as `step_message` does."""
    outcome = (steps, bool(success), bool(truncated), _vector(final.state, "final state"), _privileged(final))
    return _event(_header(final.stamp, ""), END, episode_id, "", "", "", 0, [], *outcome)


def to_observation(image: Any, state: NDArray[np.float32], privileged: NDArray[np.float32]) -> Observation:
    """The observation in an image message and the numbers beside it. Raises InvalidInput as `rgb` does."""
    known = privileged.copy() if privileged.size else None
    return Observation(rgb(image), state.copy(), stamp_of(image) / NANOSECONDS, known)


def rgb(image: Any) -> NDArray[np.uint8]:
    """The colours of an image message as uint8 [H, W, 3], a copy: what an agent decodes. Raises InvalidInput."""
    _check_pixels(image)
    if not image.data.size:
        return np.zeros((image.height, image.width, 3), np.uint8)
    return decode(_raw(image)).copy()


def _check_pixels(image: Any) -> None:
    """Raises InvalidInput on an unknown encoding or wrong sizes; a profile without a camera has pictures of no size."""
    if image.data.size or (image.height and image.width):
        stored(_raw(image))


def _raw(image: Any) -> RawImage:
    return RawImage(image.data, image.encoding, image.height, image.width, image.step, bool(image.is_bigendian))


def to_step(message: Any, image: Any) -> Step:
    """The step in a GraspStep message and its image message. Raises InvalidInput as `rgb` does."""
    return Step(
        to_observation(image, message.state, message.privileged),
        message.commanded.copy(),
        message.executed.copy(),
        message.reward,
        message.terminal,
        message.q,
        _seconds(message.inference_stamp),
        _seconds(message.command_stamp),
        message.log_density,
        message.by_person,
    )


def _new(typename: str, *fields: Any) -> Any:
    return typestore().types[typename](*fields)


def _event(*fields: Any) -> Any:
    return _new(TOPICS[EVENT], *fields)


def _time(stamp: float, name: str) -> Any:
    return _new("builtin_interfaces/msg/Time", *divmod(nanoseconds(stamp, name), NANOSECONDS))


def _seconds(time: Any) -> float:
    return float((time.sec * NANOSECONDS + time.nanosec) / NANOSECONDS)


def _header(stamp: float, frame: str) -> Any:
    return _new("std_msgs/msg/Header", _time(stamp, "capture stamp"), frame)


def _vector(values: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    if values.dtype != np.float32 or values.ndim != 1:
        raise InvalidInput(f"{name} is {values.dtype} {list(values.shape)}, expected float32 [length]")
    if not np.isfinite(values).all():
        raise InvalidInput(f"{name} is {values.tolist()}, expected finite numbers")
    return np.ascontiguousarray(values)


def _privileged(observation: Observation) -> NDArray[np.float32]:
    if observation.privileged is None:
        return np.zeros(0, np.float32)
    return _vector(observation.privileged, "privileged state")
