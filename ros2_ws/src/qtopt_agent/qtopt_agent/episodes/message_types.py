"""The topics of an episode, the definitions of their messages, and their bytes (CDR)."""

from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

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


@lru_cache(maxsize=64)
def same_type(topic: str, definition: str) -> bool:
    """Whether `definition` (ros2msg text, comments allowed) has the fields that this version reads from `topic`."""
    if definition == schema(topic):
        return True
    try:
        types = get_types_from_msg(definition, TOPICS[topic])
        store = get_typestore(Stores.EMPTY)
        store.register(types)
        return store.hash_rihs01(TOPICS[topic]) == type_hash(topic)
    except (TypesysError, KeyError):
        return False


def to_cdr(topic: str, message: object) -> bytes:
    """Little-endian CDR of `message`, with its four leading bytes."""
    return bytes(typestore().serialize_cdr(message, TOPICS[topic], little_endian=True))


def from_cdr(topic: str, data: bytes) -> Any:
    """The message that `data` holds. Raises rosbags' SerdeError where it holds something else."""
    return typestore().deserialize_cdr(data, TOPICS[topic])
