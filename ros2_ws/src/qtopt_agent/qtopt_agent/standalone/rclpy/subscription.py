"""Subscriptions."""

from collections.abc import Callable
from functools import partial
from typing import Any

from rosbags.serde import SerdeError

from qtopt_agent.standalone.dds import Reader
from qtopt_agent.standalone.messages import deserialize

from .callback_groups import CallbackGroup
from .executors import call
from .logging import get_logger
from .qos import QoSProfile

_logger = get_logger("rmw")


class Subscription:
    """Hands a topic's messages to a callback: the last `depth` that have not been handled."""

    def __init__(
        self,
        context: Any,
        msg_type: Any,
        topic: str,
        callback: Callable[[Any], Any],
        qos_profile: QoSProfile,
        group: CallbackGroup,
        raw: bool,
    ) -> None:
        self.msg_type, self.topic, self.topic_name, self.qos_profile = msg_type, topic, topic, qos_profile
        self.callback, self.callback_group, self.raw = callback, group, raw
        self._endpoint: Reader = context.participant.reader(
            f"rt{topic}", msg_type.TYPE, qos_profile._to_dds(), qos_profile._kept
        )

    def take(self) -> Callable[[], Any] | None:
        """The call for the oldest message that waits, or None."""
        samples = self._endpoint.samples
        return partial(self._handle, samples.popleft()[0]) if samples else None

    def get_publisher_count(self) -> int:
        """Number of writers that match."""
        return len(self._endpoint.entity.get_matched_publications())

    def _handle(self, data: bytes) -> None:
        if not self.raw:
            try:
                data = deserialize(data, self.msg_type.TYPE)
            except (SerdeError, ValueError) as error:
                _logger.error(f"{self.topic}: not a {self.msg_type.TYPE}: {error}", throttle_duration_sec=1.0)
                return
        call(self.callback, data)
