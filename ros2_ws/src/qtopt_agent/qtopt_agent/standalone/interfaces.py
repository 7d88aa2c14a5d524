"""Message, service and action definitions: from rosbags where it has them, else from the text files beside this one.

A service is two messages, `pkg/srv/Name_Request` and `pkg/srv/Name_Response`. An action is seven: goal, result and
feedback as written, and the messages of its three services and its feedback topic, which rosidl derives from them.
"""

from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from rosbags.interfaces import Nodetype
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

_SECTIONS = {"msg": ("",), "srv": ("_Request", "_Response"), "action": ("_Goal", "_Result", "_Feedback")}
# rosbags does not keep the default values of fields; this is the only one among the types that we use.
DEFAULTS = {"geometry_msgs/msg/Quaternion": {"w": 1.0}}
_EMPTY = [("structure_needs_at_least_one_member", (Nodetype.BASE, ("uint8", 0)))]


@cache
def typestore() -> Typestore:
    """ROS 2 Jazzy's messages, and every definition under `interfaces/`."""
    store = get_typestore(Stores.ROS2_JAZZY)
    for package in _children(files(__package__) / "interfaces"):
        types: dict[str, Any] = {}
        for kind in _SECTIONS.keys() & {folder.name for folder in package.iterdir() if folder.is_dir()}:
            for file in _children(package / kind):
                types |= _parse(f"{package.name}/{kind}/{file.name.split('.')[0]}", file.read_text())
        store.register(types)
    return store


@cache
def packages() -> frozenset[str]:
    """Names of the packages that have a definition."""
    return frozenset(name.split("/")[0] for name in typestore().fielddefs)


def dds_type(name: str) -> str:
    """The DDS name of a ROS type: `std_msgs/msg/Header` is `std_msgs::msg::dds_::Header_`."""
    package, kind, base = name.split("/")
    return f"{package}::{kind}::dds_::{base}_"


@cache
def type_hash(name: str) -> str:
    """REP-2011 hash of a type, as ROS 2 nodes announce it."""
    return typestore().hash_rihs01(name)


def _children(folder: Traversable) -> list[Traversable]:
    return sorted(folder.iterdir(), key=lambda entry: entry.name)


def _parse(name: str, text: str) -> dict[str, Any]:
    kind = name.split("/")[1]
    sections: list[list[str]] = [[]]
    for line in text.splitlines():
        if line.strip() == "---":
            sections.append([])
        else:
            sections[-1].append(line)
    if len(sections) != len(_SECTIONS[kind]):
        raise ValueError(f"{name} has {len(sections)} parts, expected {len(_SECTIONS[kind])}")
    types: dict[str, Any] = {}
    for suffix, lines in zip(_SECTIONS[kind], sections, strict=True):
        # Parsed as a message: rosbags resolves names without a package against `msg`.
        package, _, base = name.split("/")
        ((constants, fields),) = get_types_from_msg("\n".join(lines), f"{package}/msg/{base}{suffix}").values()
        types[name + suffix] = (constants, fields or _EMPTY)
    return types | _action(name) if kind == "action" else types


def _action(name: str) -> dict[str, Any]:
    """The messages that rosidl derives from an action (design.ros2.org/articles/actions.html)."""

    def named(kind: str) -> tuple[Nodetype, str]:
        return (Nodetype.NAME, kind)

    goal_id = ("goal_id", named("unique_identifier_msgs/msg/UUID"))
    derived = {
        "_SendGoal_Request": [goal_id, ("goal", named(f"{name}_Goal"))],
        "_SendGoal_Response": [
            ("accepted", (Nodetype.BASE, ("bool", 0))),
            ("stamp", named("builtin_interfaces/msg/Time")),
        ],
        "_GetResult_Request": [goal_id],
        "_GetResult_Response": [("status", (Nodetype.BASE, ("int8", 0))), ("result", named(f"{name}_Result"))],
        "_FeedbackMessage": [goal_id, ("feedback", named(f"{name}_Feedback"))],
    }
    return {name + suffix: ([], fields) for suffix, fields in derived.items()}
