"""Services, on the wire of rmw_cyclonedds: 8 octets that name the client and a sequence number before each message."""

import secrets
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from rosbags.serde import SerdeError

from qtopt_agent.standalone.dds import QOS_LOCK, Reader, Writer
from qtopt_agent.standalone.messages import deserialize, serialize

from .callback_groups import CallbackGroup
from .executors import call
from .logging import get_logger
from .qos import QoSProfile

_CDR, _HEADER = 4, 16
_RESPONSE_READER_WAIT = 0.1  # s; a client's reader may be discovered later than its writer
Reply = Callable[[Any], None]


def new_id(role: str) -> str:
    """User data by which the two endpoints of a client or of a service are known to belong together."""
    return f"{role}={'.'.join(f'{octet:x}' for octet in secrets.token_bytes(16))};"


def with_header(header: bytes, message: Any) -> bytes:
    """CDR of `message` with a request header in front."""
    data = serialize(message)
    return data[:_CDR] + header + data[_CDR:]


def split_header(data: bytes, typename: str) -> tuple[bytes, Any]:
    """The request header, and the message behind it."""
    return data[_CDR : _CDR + _HEADER], deserialize(data[:_CDR] + data[_CDR + _HEADER :], typename)


class Service:
    """Answers requests. `on_request(request, reply)` may reply later."""

    def __init__(
        self,
        context: Any,
        srv_type: Any,
        name: str,
        on_request: Callable[[Any, Reply], Any],
        qos_profile: QoSProfile,
        group: CallbackGroup,
    ) -> None:
        self.srv_type, self.srv_name, self.service_name, self.callback_group = srv_type, name, name, group
        self._on_request = on_request
        qos, about = qos_profile._to_dds(), new_id("serviceid")
        participant = context.participant
        self._replies: Writer = participant.writer(f"rr{name}Reply", srv_type.Response.TYPE, qos, about)
        self._requests: Reader = participant.reader(
            f"rq{name}Request", srv_type.Request.TYPE, qos, qos_profile._kept, about
        )

    def take(self) -> Callable[[], Any] | None:
        """The call for the oldest request that waits, or None."""
        samples = self._requests.samples
        return partial(self._handle, *samples.popleft()) if samples else None

    def _handle(self, data: bytes, client: int) -> None:
        try:
            header, request = split_header(data, self.srv_type.Request.TYPE)
        except (SerdeError, ValueError) as error:
            get_logger("rmw").error(f"{self.srv_name}: not a {self.srv_type.Request.TYPE}: {error}")
            return
        self._on_request(request, partial(self._reply, header, client))

    def _reply(self, header: bytes, client: int, response: Any) -> None:
        if not isinstance(response, self.srv_type.Response):
            raise TypeError(f"{self.srv_name}: expected {self.srv_type.Response}, got {type(response)}")
        end = time.monotonic() + _RESPONSE_READER_WAIT
        while not self._client_listens(client) and time.monotonic() < end:
            time.sleep(0.002)
        if not self._replies.write(with_header(header, response)):
            get_logger("rmw").warning(f"{self.srv_name}: response dropped, a client is not keeping up")

    def _client_listens(self, client: int) -> bool:
        with QOS_LOCK:
            writer = self._requests.entity.get_matched_publication_data(client)
            if writer is None:  # gone
                return True
            readers = self._replies.entity.get_matched_subscriptions()
            found = [self._replies.entity.get_matched_subscription_data(handle) for handle in readers]
        about = _client_id(writer)
        return any(reader is not None and _client_id(reader) == about for reader in found)


def answer(callback: Callable[[Any, Any], Any], srv_type: Any) -> Callable[[Any, Reply], None]:
    """A rclpy service callback `(request, response) -> response` as `on_request`."""

    def on_request(request: Any, reply: Reply) -> None:
        reply(call(callback, request, srv_type.Response()))

    return on_request


def _client_id(endpoint: Any) -> str | None:
    data = next((policy.data for policy in endpoint.qos if type(policy).__name__ == "Userdata"), b"").decode()
    return next((part for part in data.split(";") if part.startswith("clientid=")), None)
