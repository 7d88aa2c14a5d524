"""The topics of an episode, the definitions of their messages, and their bytes (CDR)."""

from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

from rosbags.typesys import Stores, TypesysError, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

IMAGE = "/camera/image_raw"
STEP = "/qtopt/step"
EVENT = "/qtopt/event"
TOPICS = {IMAGE: "sensor_msgs/msg/Image", STEP: "qtopt_msgs/msg/GraspStep", EVENT: "qtopt_msgs/msg/EpisodeEvent"}


@cache
def typestore() -> Typestore:
    """ROS 2 Jazzy's types and those that episodes add to them."""
    store = get_typestore(Stores.ROS2_JAZZY)
    for typename in (TOPICS[STEP], TOPICS[EVENT]):
        definition = files(__package__).joinpath("msg", f"{typename.split('/')[-1]}.msg").read_text()
        store.register(get_types_from_msg(definition, typename))
    return store


@cache
def schema(topic: str) -> str:
    """The message definition of `topic` and of every type that it uses, in the `ros2msg` encoding."""
    return typestore().generate_msgdef(TOPICS[topic], ros_version=2)[0]


@cache
def type_hash(topic: str) -> str:
    """REP-2011 hash of the topic's type, RIHS01_ and 64 hexadecimal digits."""
    return typestore().hash_rihs01(TOPICS[topic])


class RecordedType(NamedTuple):
    """A type as some version of this project defines it: its REP-2011 hash, and the CDR that its messages lack."""

    type_hash: str
    lacks: bytes = b""


# Fields that a type has had at its end since the first release, and their CDR in messages of that, in both byte orders.
_ADDED = {STEP: (("by_person", "log_density"), b"\0" + b"\0" * 3 + b"\xff\xff\xff\xff")}  # False, aligned, NaN


@cache
def _readable(topic: str) -> tuple[RecordedType, ...]:
    """The topic's type as it is, and as it was."""
    typename, now = TOPICS[topic], RecordedType(type_hash(topic))
    if topic not in _ADDED:
        return (now,)
    added, lacks = _ADDED[topic]
    constants, fields = typestore().fielddefs[typename]
    store = get_typestore(Stores.ROS2_JAZZY)
    store.register({typename: (constants, [field for field in fields if field[0] not in added])})
    return now, RecordedType(store.hash_rihs01(typename), lacks)


@lru_cache(maxsize=64)
def recorded_type(topic: str, definition: str) -> RecordedType | None:
    """The type of `topic` that `definition` (ros2msg text, comments allowed) gives; None where it is no version's."""
    try:
        types = get_types_from_msg(definition, TOPICS[topic])
        store = get_typestore(Stores.EMPTY)
        store.register(types)
        found = store.hash_rihs01(TOPICS[topic])
    except (TypesysError, KeyError):
        return None
    return next((each for each in _readable(topic) if each.type_hash == found), None)


def to_cdr(topic: str, message: object) -> bytes:
    """Little-endian CDR of `message`, with its four leading bytes."""
    return bytes(typestore().serialize_cdr(message, TOPICS[topic], little_endian=True))


def from_cdr(topic: str, data: bytes) -> Any:
    """The message that `data` holds. Raises rosbags' SerdeError where it holds something else."""
    return typestore().deserialize_cdr(data, TOPICS[topic])
