"""Quality of service: history depth, reliability, durability."""

from enum import IntEnum
from typing import Any

from cyclonedds.qos import Policy, Qos

from qtopt_agent.standalone.dds import MAX_BLOCKING


class InvalidQoSProfileException(Exception):
    """A profile that contradicts itself."""


class HistoryPolicy(IntEnum):
    """KEEP_ALL is not offered: with reliable readers it can freeze the writer."""

    SYSTEM_DEFAULT = 0
    KEEP_LAST = 1


class ReliabilityPolicy(IntEnum):
    """Whether lost samples are sent again."""

    SYSTEM_DEFAULT = 0
    RELIABLE = 1
    BEST_EFFORT = 2


class DurabilityPolicy(IntEnum):
    """Whether late readers get the last samples."""

    SYSTEM_DEFAULT = 0
    TRANSIENT_LOCAL = 1
    VOLATILE = 2


QoSHistoryPolicy, QoSReliabilityPolicy, QoSDurabilityPolicy = HistoryPolicy, ReliabilityPolicy, DurabilityPolicy


class QoSProfile:
    """How a topic's samples are kept and sent: reliable and volatile unless said otherwise; `depth` is required."""

    def __init__(
        self,
        *,
        depth: int | None = None,
        history: HistoryPolicy = HistoryPolicy.KEEP_LAST,
        reliability: ReliabilityPolicy = ReliabilityPolicy.RELIABLE,
        durability: DurabilityPolicy = DurabilityPolicy.VOLATILE,
    ) -> None:
        if depth is None:
            raise InvalidQoSProfileException("History set to KEEP_LAST without a depth setting.")
        if not isinstance(depth, int) or depth < 0:
            raise ValueError(f"depth is {depth!r}, expected an integer that is not negative")
        self.depth = depth
        self.history = HistoryPolicy(history)
        self.reliability = ReliabilityPolicy(reliability)
        self.durability = DurabilityPolicy(durability)

    @property
    def _kept(self) -> int:
        return max(1, self.depth)  # 0 stands for the system's default, which is 1

    def _to_dds(self) -> Qos:
        history = Policy.History.KeepLast(self._kept)
        best_effort = self.reliability == ReliabilityPolicy.BEST_EFFORT
        policies: list[Any] = [
            history,
            Policy.Reliability.BestEffort if best_effort else Policy.Reliability.Reliable(MAX_BLOCKING),
            Policy.Durability.Volatile,
        ]
        if self.durability == DurabilityPolicy.TRANSIENT_LOCAL:
            policies[-1] = Policy.Durability.TransientLocal
            policies.append(Policy.DurabilityService(0, history, -1, -1, -1))  # what late readers get
        return Qos(*policies)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, QoSProfile) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        policies = ", ".join(f"{name}={getattr(value, 'name', value)}" for name, value in vars(self).items())
        return f"QoSProfile({policies})"


def qos_of(profile: "QoSProfile | int") -> QoSProfile:
    """A profile, or the default one of the given depth."""
    if isinstance(profile, QoSProfile):
        return profile
    if not isinstance(profile, int):
        raise TypeError(f"Expected QoSProfile or int, but received {type(profile)!r}")
    return QoSProfile(depth=profile)


qos_profile_system_default = QoSProfile(depth=0)
qos_profile_sensor_data = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
qos_profile_services_default = QoSProfile(depth=10)
qos_profile_parameters = QoSProfile(depth=1000)
qos_profile_action_status_default = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
