"""Results that are not there yet."""

import threading
from collections.abc import Callable
from typing import Any


class Future:
    """A value that a service call or a task will bring. Callbacks run where the value is set."""

    def __init__(self, *, executor: Any = None) -> None:
        self._lock = threading.Lock()
        self._done = self._cancelled = False
        self._result: Any = None
        self._exception: BaseException | None = None
        self._callbacks: list[Callable[[Future], Any]] = []

    def done(self) -> bool:
        """Whether it was set or cancelled."""
        return self._done or self._cancelled

    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        return self._cancelled

    def result(self) -> Any:
        """The value, None while there is none; raises what `set_exception` was given."""
        if self._exception:
            raise self._exception
        return self._result

    def exception(self) -> BaseException | None:
        """What `set_exception` was given."""
        return self._exception

    def set_result(self, result: Any) -> None:
        """Bring the value."""
        self._finish(result=result)

    def set_exception(self, exception: BaseException) -> None:
        """Say that there will be no value."""
        self._finish(exception=exception)

    def cancel(self) -> None:
        """Give up waiting."""
        self._finish(cancelled=True)

    def add_done_callback(self, callback: Callable[["Future"], Any]) -> None:
        """Call `callback(self)` when done; now, if it already is."""
        with self._lock:
            if not self.done():
                self._callbacks.append(callback)
                return
        callback(self)

    def _finish(self, result: Any = None, exception: BaseException | None = None, cancelled: bool = False) -> None:
        with self._lock:
            if self.done():
                return
            self._result, self._exception = result, exception
            self._done, self._cancelled = not cancelled, cancelled
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback(self)
