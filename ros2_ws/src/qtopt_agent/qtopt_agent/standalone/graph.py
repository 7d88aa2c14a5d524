"""The ROS graph: which nodes there are, and which of them reads and writes what.

Each process tells its nodes and their endpoints on `ros_discovery_info`; DDS itself tells which endpoints exist.
"""

import threading
from dataclasses import dataclass
from typing import Any

from cyclonedds.builtin import BuiltinDataReader, BuiltinTopicDcpsPublication, BuiltinTopicDcpsSubscription
from cyclonedds.core import DDSException, DDSStatus, InstanceState, ReadCondition, SampleState, ViewState
from cyclonedds.qos import Policy, Qos

from qtopt_agent.standalone.dds import MAX_BLOCKING, QOS_LOCK, Participant, Reader, Writer
from qtopt_agent.standalone.messages import deserialize, message_class, serialize

_INFO = "rmw_dds_common/msg/ParticipantEntitiesInfo"
_QOS = Qos(
    Policy.Reliability.Reliable(MAX_BLOCKING),
    Policy.Durability.TransientLocal,
    Policy.History.KeepLast(1),
    Policy.DurabilityService(0, Policy.History.KeepLast(1), -1, -1, -1),
)
_MOST = 4096  # endpoints read at once


@dataclass(frozen=True)
class Endpoint:
    """One publisher or subscription anywhere in the graph."""

    node_name: str
    node_namespace: str
    topic_type: str
    endpoint_gid: list[int]
    qos_profile: Any


class Graph:
    """What this process announces, and what others have."""

    def __init__(self, participant: Participant) -> None:
        self._lock = threading.Lock()
        self._nodes: dict[tuple[str, str], dict[str, list[bytes]]] = {}
        self._gid = participant.entity.guid.bytes
        self._writer = participant.writer("ros_discovery_info", _INFO, _QOS)
        # The newest announcement of each process is all that counts, but processes may speak at the same time.
        self._reader = participant.reader("ros_discovery_info", _INFO, _QOS + Qos(Policy.History.KeepLast(100)), 1000)
        self._known: dict[bytes, Any] = {}
        self._publications = _Builtin(participant, BuiltinTopicDcpsPublication)
        self._subscriptions = _Builtin(participant, BuiltinTopicDcpsSubscription)

    def add_node(self, name: str, namespace: str) -> None:
        """Announce a node."""
        with self._lock:
            self._nodes[namespace, name] = {"readers": [], "writers": []}
        self._announce()

    def remove_node(self, name: str, namespace: str) -> None:
        """Withdraw a node."""
        with self._lock:
            self._nodes.pop((namespace, name), None)
        self._announce()

    def add(self, name: str, namespace: str, *endpoints: Reader | Writer) -> None:
        """Announce endpoints of a node."""
        with self._lock:
            for endpoint in endpoints:
                self._place(name, namespace, endpoint).append(endpoint.entity.guid.bytes)
        self._announce()

    def remove(self, name: str, namespace: str, *endpoints: Reader | Writer) -> None:
        """Withdraw endpoints of a node."""
        with self._lock:
            for endpoint in endpoints:
                self._place(name, namespace, endpoint).remove(endpoint.entity.guid.bytes)
        self._announce()

    def nodes(self) -> list[tuple[str, str]]:
        """Name and namespace of every node known, this process's included."""
        alive = {endpoint.participant_key.bytes for endpoint in self._publications.endpoints()} | {self._gid}
        self._listen()
        return [
            (node.node_name, node.node_namespace)
            for gid, info in self._known.items()
            if gid in alive
            for node in info.node_entities_info_seq
        ]

    def publishers(self, topic: str) -> list[Endpoint]:
        """Every writer of the ROS topic `topic` (full name)."""
        return self._endpoints(self._publications, topic, "writer_gid_seq")

    def subscriptions(self, topic: str) -> list[Endpoint]:
        """Every reader of the ROS topic `topic` (full name)."""
        return self._endpoints(self._subscriptions, topic, "reader_gid_seq")

    def topics(self) -> list[tuple[str, list[str]]]:
        """Every ROS topic and its types, by name."""
        found: dict[str, set[str]] = {}
        for endpoint in [*self._publications.endpoints(), *self._subscriptions.endpoints()]:
            if endpoint.topic_name.startswith("rt/"):
                found.setdefault(endpoint.topic_name[2:], set()).add(_ros_type(endpoint.type_name))
        return [(name, sorted(types)) for name, types in sorted(found.items())]

    def _place(self, name: str, namespace: str, endpoint: Reader | Writer) -> list[bytes]:
        return self._nodes[namespace, name]["readers" if isinstance(endpoint, Reader) else "writers"]

    def _announce(self) -> None:
        gid, node_info = message_class("rmw_dds_common/msg/Gid"), message_class("rmw_dds_common/msg/NodeEntitiesInfo")
        with self._lock:
            infos = [
                node_info(
                    node_namespace=namespace,
                    node_name=name,
                    reader_gid_seq=[gid(data=list(guid)) for guid in gids["readers"]],
                    writer_gid_seq=[gid(data=list(guid)) for guid in gids["writers"]],
                )
                for (namespace, name), gids in self._nodes.items()
            ]
            info = message_class(_INFO)(gid=gid(data=list(self._gid)), node_entities_info_seq=infos)
            while not self._writer.write(serialize(info)):  # others must not miss it; they are given up after 10 s
                pass

    def _listen(self) -> None:
        while self._reader.samples:
            info = deserialize(self._reader.samples.popleft()[0], _INFO)
            self._known[bytes(info.gid.data)] = info

    def _endpoints(self, builtin: "_Builtin", topic: str, gids: str) -> list[Endpoint]:
        self._listen()
        owners = {
            bytes(gid.data): node
            for info in self._known.values()
            for node in info.node_entities_info_seq
            for gid in getattr(node, gids)
        }
        found = []
        for endpoint in builtin.endpoints():
            if endpoint.topic_name == f"rt{topic}":
                node = owners.get(endpoint.key.bytes)
                name, namespace = (
                    (node.node_name, node.node_namespace)
                    if node
                    else ("_NODE_NAME_UNKNOWN_", "_NODE_NAMESPACE_UNKNOWN_")
                )
                found.append(
                    Endpoint(name, namespace, _ros_type(endpoint.type_name), list(endpoint.key.bytes), endpoint.qos)
                )
        return found


class _Builtin:
    """DDS's own list of endpoints."""

    def __init__(self, participant: Participant, topic: Any) -> None:
        self._reader = BuiltinDataReader(participant.entity, topic)
        self._alive = ReadCondition(self._reader, ViewState.Any | SampleState.Any | InstanceState.Alive)
        self._found: list[Any] = []

    def endpoints(self) -> list[Any]:
        """Those that are alive. To read them takes 5 ms or more, so that is done where something has changed."""
        with QOS_LOCK:
            if self._reader.take_status(DDSStatus.DataAvailable):
                try:
                    self._found = self._reader.read(_MOST, self._alive)
                except DDSException as error:
                    if error.code != DDSException.DDS_RETCODE_NO_DATA:
                        raise
                    self._found = []
            return self._found


def _ros_type(dds_name: str) -> str:
    return dds_name.replace("::dds_::", "::").replace("::", "/").removesuffix("_")
