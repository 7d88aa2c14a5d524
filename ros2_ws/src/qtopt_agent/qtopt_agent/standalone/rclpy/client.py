"""Clients of services."""

import itertools
import secrets
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from rosbags.serde import SerdeError

from qtopt_agent.standalone.dds import Reader, Writer

from .callback_groups import CallbackGroup
from .logging import get_logger
from .qos import QoSProfile
from .service import new_id, split_header, with_header
from .task import Future


class Client:
    """Calls one service."""

    def __init__(self, context: Any, srv_type: Any, name: str, qos_profile: QoSProfile, group: CallbackGroup) -> None:
        self.srv_type, self.srv_name, self.service_name, self.callback_group = srv_type, name, name, group
        self._context = context
        self._id = secrets.token_bytes(8)
        self._sequence = itertools.count(1)
        self._pending: dict[int, Future] = {}
        self._lock = threading.Lock()
        qos, about = qos_profile._to_dds(), new_id("clientid")
        participant = context.participant
        self._replies: Reader = participant.reader(
            f"rr{name}Reply", srv_type.Response.TYPE, qos, qos_profile._kept, about
        )
        self._requests: Writer = participant.writer(f"rq{name}Request", srv_type.Request.TYPE, qos, about)

    def call_async(self, request: Any) -> Future:
        """Send a request; the future brings the response. Raises TypeError on another type."""
        if not isinstance(request, self.srv_type.Request):
            raise TypeError(f"Expected {self.srv_type.Request}, got {type(request)}")
        if not self._context.ok():
            raise RuntimeError("Failed to send request: client's context is invalid")
        number, future = next(self._sequence), Future()
        with self._lock:
            self._pending[number] = future
        if not self._requests.write(with_header(self._id + number.to_bytes(8, "little", signed=True), request)):
            get_logger("rmw").warning(f"{self.srv_name}: request dropped, the server is not keeping up")
        return future

    def remove_pending_request(self, future: Future) -> None:
        """Forget a request: its response will be ignored."""
        with self._lock:
            self._pending = {number: kept for number, kept in self._pending.items() if kept is not future}

    def service_is_ready(self) -> bool:
        """Whether a server hears requests and is heard."""
        heard = self._requests.entity.get_matched_subscriptions()
        return bool(heard and self._replies.entity.get_matched_publications())

    def wait_for_service(self, timeout_sec: float | None = None) -> bool:
        """Wait up to `timeout_sec` s (None: for ever) for a server. Returns whether there is one."""
        end = None if timeout_sec is None else time.monotonic() + timeout_sec
        while self._context.ok() and not self.service_is_ready() and (end is None or time.monotonic() < end):
            time.sleep(0.01)
        return self.service_is_ready()

    def take(self) -> Callable[[], Any] | None:
        """The call for the oldest response that waits, or None."""
        samples = self._replies.samples
        return partial(self._handle, samples.popleft()[0]) if samples else None

    def _handle(self, data: bytes) -> None:
        if data[4:12] != self._id:  # for another client of the same service
            return
        try:
            header, response = split_header(data, self.srv_type.Response.TYPE)
        except (SerdeError, ValueError) as error:
            get_logger("rmw").error(f"{self.srv_name}: not a {self.srv_type.Response.TYPE}: {error}")
            return
        with self._lock:
            future = self._pending.pop(int.from_bytes(header[8:], "little", signed=True), None)
        if future:
            future.set_result(response)
