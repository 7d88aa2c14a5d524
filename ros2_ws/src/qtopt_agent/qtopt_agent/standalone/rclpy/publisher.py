"""Publishers."""

from typing import Any

from qtopt_agent.standalone.dds import Writer
from qtopt_agent.standalone.messages import serialize

from .logging import get_logger
from .qos import QoSProfile

_logger = get_logger("rmw")


class Publisher:
    """Sends messages of one type to a topic."""

    def __init__(self, context: Any, msg_type: Any, topic: str, qos_profile: QoSProfile) -> None:
        self.msg_type, self.topic, self.topic_name, self.qos_profile = msg_type, topic, topic, qos_profile
        self._context = context
        self._endpoint: Writer = context.participant.writer(f"rt{topic}", msg_type.TYPE, qos_profile._to_dds())

    def publish(self, msg: Any) -> None:
        """Send a message, or the CDR bytes of one.

        Raises TypeError on another type and RuntimeError once the context was shut down. What a slow reliable reader
        leaves no room for is dropped, with a warning.
        """
        if not isinstance(msg, (self.msg_type, bytes)):
            raise TypeError(f"Expected {self.msg_type}, got {type(msg)}")
        if not self._context.ok():
            raise RuntimeError("Failed to publish: publisher's context is invalid")
        if not self._endpoint.write(msg if isinstance(msg, bytes) else serialize(msg)):
            text = f"{self.topic}: message dropped, a reliable reader is not keeping up"
            _logger.warning(text, throttle_duration_sec=1.0)

    def get_subscription_count(self) -> int:
        """Number of readers that match."""
        return len(self._endpoint.entity.get_matched_subscriptions())
