"""Topic, service and node names: validity, expansion to full names, remaps."""

import re

from qtopt_agent.standalone.arguments import Remap

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
