"""The life of a process in the graph: from `init` to `shutdown`, or to a signal."""

import atexit
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from qtopt_agent.standalone.arguments import parse
from qtopt_agent.standalone.dds import Participant
from qtopt_agent.standalone.graph import Graph
from qtopt_agent.standalone.names import domain_id

from .exceptions import NotInitializedException
from .logging import get_logging_severity_from_string, set_logger_level
from .signals import SignalHandlerOptions

_SIGNALS = {
    SignalHandlerOptions.NO: (),
    SignalHandlerOptions.SIGINT: (signal.SIGINT,),
    SignalHandlerOptions.SIGTERM: (signal.SIGTERM,),
    SignalHandlerOptions.ALL: (signal.SIGINT, signal.SIGTERM),
}


class Context:
    """One participant in the DDS domain and what belongs to it."""

    def __init__(self) -> None:
        self._participant: Participant | None = None
        self._ok = False
        self._on_shutdown: list[Callable[[], Any]] = []
        self._previous: dict[int, Any] = {}
        self.condition = threading.Condition()  # notified whenever an executor may find work
        self.changes = 0

    def init(
        self,
        args: list[str] | None = None,
        *,
        domain_id: int | None = None,
        signal_handler_options: SignalHandlerOptions = SignalHandlerOptions.NO,
    ) -> None:
        """Join the domain (`ROS_DOMAIN_ID` unless given). Raises RuntimeError if this was done before."""
        if self._participant:
            raise RuntimeError("Context.init() must only be called once")
        self.arguments = parse(sys.argv[1:] if args is None else args)
        for name, level in self.arguments.log_levels.items():
            set_logger_level(name or "", get_logging_severity_from_string(level))
        self._participant = Participant(_domain(domain_id), self.wake)
        self.graph = Graph(self._participant)
        self._ok = True
        for number in _SIGNALS[signal_handler_options]:
            self._previous[number] = signal.signal(number, self._on_signal)
        atexit.register(self._leave)

    @property
    def participant(self) -> Participant:
        """Raises NotInitializedException before `init`, RuntimeError after `shutdown`."""
        if self._participant is None:
            raise NotInitializedException("rclpy.init() has not been called")
        if not self._ok:
            raise RuntimeError("the context has been shut down")
        return self._participant

    def ok(self) -> bool:
        """Whether it is between init and shutdown."""
        return self._ok

    def on_shutdown(self, callback: Callable[[], Any]) -> None:
        """Call `callback` when the context is shut down."""
        self._on_shutdown.append(callback)

    def shutdown(self) -> None:
        """Leave the domain. Raises RuntimeError unless the context is ok."""
        if not self._ok:
            raise RuntimeError("failed to shutdown: rcl_shutdown already called on the given context")
        self.try_shutdown()

    def try_shutdown(self) -> None:
        """Leave the domain, if that has not been done."""
        if self._ok:
            self._end()
        self._leave()

    def wake(self) -> None:
        """Let executors look for work."""
        with self.condition:
            self.changes += 1
            self.condition.notify_all()

    def _end(self) -> None:
        self._ok = False
        callbacks, self._on_shutdown = self._on_shutdown, []
        for callback in callbacks:
            callback()
        self.wake()

    def _leave(self) -> None:
        self._ok = False
        atexit.unregister(self._leave)
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}
        if self._participant:
            self._participant.close()
            self._participant = None

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._ok:
            # In another thread: this one may be inside `condition`.
            threading.Thread(target=self._end, name="shutdown").start()
        previous = self._previous.get(number)
        if callable(previous):
            previous(number, frame)


def _domain(asked: int | None) -> int:
    return domain_id() if asked is None else asked


_default = Context()


def get_default_context() -> Context:
    """The context that `rclpy.init` uses: a new one once the last was shut down."""
    global _default
    if _default._participant is None and hasattr(_default, "arguments"):
        _default = Context()
    return _default
