"""Topic, service and node names: validity, expansion to full names, remaps; and the domain in which they hold."""

import os
import re

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.standalone.arguments import Remap

_LAST_DOMAIN = 232  # the last that has UDP ports
_TOKEN = r"[A-Za-z_][A-Za-z0-9_]*"
_TOPIC = re.compile(rf"(~/?|/)?({_TOKEN}(/{_TOKEN})*)?")


def check_node_name(name: str) -> str:
    """`name`, if a node may have it. Raises ValueError."""
    if not re.fullmatch(_TOKEN, name):
        raise ValueError(f"Invalid node name: {name!r}, expected letters, digits and underscores")
    return name


def absolute(namespace: str) -> str:
    """A namespace with its leading slash and without a trailing one. Raises ValueError on a malformed one."""
    full = "/" + namespace.strip("/")
    if not re.fullmatch(rf"/|(/{_TOKEN})+", full):
        raise ValueError(f"Invalid namespace: {namespace!r}")
    return full


def expand(name: str, node: str, namespace: str) -> str:
    """The full name of a topic or service that `node` calls `name`. Raises ValueError on a malformed one."""
    if not name or name in ("/", "~/") or not _TOPIC.fullmatch(name):
        raise ValueError(f"Invalid topic name: {name!r}")
    if name.startswith("/"):
        return name
    base = namespace.rstrip("/")
    return f"{base}/{node}{name[1:]}" if name.startswith("~") else f"{base}/{name}"


def resolve(name: str, node: str, namespace: str, remaps: list[Remap]) -> str:
    """`expand`, then the first remap that fits."""
    full = expand(name, node, namespace)
    for who, source, target in remaps:
        if who in (None, node) and not source.startswith("__") and expand(source, node, namespace) == full:
            return expand(target, node, namespace)
    return full


def domain_id() -> int:
    """The domain that ROS_DOMAIN_ID names, or 0. Raises InvalidInput where it names none."""
    text = os.environ.get("ROS_DOMAIN_ID") or "0"
    if not (text.isascii() and text.isdigit() and len(text) < 4 and int(text) <= _LAST_DOMAIN):
        raise InvalidInput(f"ROS_DOMAIN_ID is {text!r}, expected 0 to {_LAST_DOMAIN}")
    return int(text)
