"""Who else publishes set points to an arm: the graph tells, by the names of the publishers' nodes."""

import time
from collections.abc import Sequence

from rclpy.node import Node

PERIOD = 0.1  # s between two looks
PATIENCE = 1.0  # s for which a publisher may be there without the name of its node, which comes apart from it


class StrangerWatch:
    """Knows the publishers of `topic` that are not of `nodes` (names in the node's own namespace), one of each."""

    def __init__(self, node: Node, topic: str, nodes: Sequence[str]) -> None:
        self._node, self._topic = node, topic
        namespace = node.get_namespace().rstrip("/")
        self._expected = [f"{namespace}/{name}" for name in nodes]
        self._nameless_since: float | None = None
        self._looked = float("-inf")
        self._found: tuple[str, ...] = ()

    def strangers(self) -> tuple[str, ...]:
        """Full names of the nodes that publish without leave; a second one under a known name is named as well."""
        now = time.monotonic()
        if now - self._looked < PERIOD:
            return self._found
        self._looked = now
        publishers = self._node.get_publishers_info_by_topic(self._topic)
        names = [f"{each.node_namespace.rstrip('/')}/{each.node_name}" for each in publishers]
        for name in self._expected:
            if name in names:
                names.remove(name)
        nameless = [name for name in names if "_UNKNOWN_" in name]
        if not nameless:
            self._nameless_since = None
        elif self._nameless_since is None:
            self._nameless_since = now
        if nameless and now - (self._nameless_since or now) < PATIENCE:
            names = [name for name in names if name not in nameless]
        self._found = tuple(sorted(names))
        return self._found
