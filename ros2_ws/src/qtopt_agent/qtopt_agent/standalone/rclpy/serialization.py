"""Messages to CDR bytes and back."""

from typing import Any

from qtopt_agent.standalone.messages import deserialize, serialize


def serialize_message(message: Any) -> bytes:
    """CDR of `message`."""
    return serialize(message)


def deserialize_message(serialized_message: bytes, message_type: Any) -> Any:
    """The message in `serialized_message`."""
    return deserialize(serialized_message, message_type.TYPE)
