"""Executors: they wait for work and run callbacks, one by one or in several threads.

Only plain functions are run: a coroutine as a callback is refused with TypeError.
"""

import inspect
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .callback_groups import CallbackGroup, ReentrantCallbackGroup
from .context import Context, get_default_context
from .task import Future

_TASKS = ReentrantCallbackGroup()
_LONGEST_WAIT = 1.0  # s
Work = tuple[Callable[[], Any], CallbackGroup, Any]


class ExternalShutdownException(Exception):
    """The context was shut down while an executor was waiting."""


class TimeoutException(Exception):
    """Nothing came in time."""


class Executor:
    """Base: takes one piece of work at a time, going round all entities of all nodes."""

    def __init__(self, *, context: Context | None = None) -> None:
        self._context = context or get_default_context()
        self._nodes: list[Any] = []
        self._tasks: deque[Callable[[], Any]] = deque()
        self._round: Iterator[Any] = iter(())
        self._is_shutdown = False

    def add_node(self, node: Any) -> bool:
        """Serve `node`. Returns whether it is new here."""
        if node in self._nodes:
            return False
        self._nodes.append(node)
        node._set_executor(self)
        self.wake()
        return True

    def remove_node(self, node: Any) -> None:
        """Serve `node` no longer."""
        if node in self._nodes:
            self._nodes.remove(node)
            node._set_executor(None)

    def get_nodes(self) -> list[Any]:
        """The nodes it serves."""
        return list(self._nodes)

    def create_task(self, callback: Callable[..., Any], *args: Any, **kwargs: Any) -> Future:
        """Run `callback` in the executor, outside any callback group."""
        future = Future()

        def run() -> None:
            try:
                future.set_result(call(callback, *args, **kwargs))
            except Exception as error:
                future.set_exception(error)
                raise

        self._tasks.append(run)
        self.wake()
        return future

    def wake(self) -> None:
        """Look for work again."""
        self._context.wake()

    def spin(self) -> None:
        """Run callbacks until the context ends. Raises ExternalShutdownException when that happens while waiting."""
        while self._context.ok() and not self._is_shutdown:
            self.spin_once()

    def spin_once(self, timeout_sec: float | None = None) -> None:
        """Wait up to `timeout_sec` s (None: for ever) for one piece of work and run it."""
        work = self._wait(timeout_sec, lambda: self._is_shutdown)
        if work:
            self._run(work)

    def spin_until_future_complete(self, future: Future, timeout_sec: float | None = None) -> None:
        """Run callbacks until `future` is done, at most `timeout_sec` s."""
        future.add_done_callback(lambda _: self.wake())
        clock = threading.TIMEOUT_MAX if timeout_sec is None or timeout_sec < 0 else timeout_sec
        end = _now() + clock
        while not future.done() and self._context.ok() and not self._is_shutdown and _now() < end:
            work = self._wait(end - _now(), lambda: future.done() or self._is_shutdown)
            if work:
                self._run(work)

    def shutdown(self, timeout_sec: float | None = None) -> bool:
        """Stop spinning."""
        self._is_shutdown = True
        self.wake()
        return True

    def __enter__(self) -> "Executor":
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()

    def _run(self, work: Work) -> None:
        raise NotImplementedError

    def _free(self) -> bool:
        """Whether there is someone to do the work."""
        return True

    def _finish(self, work: Work) -> None:
        callback, group, entity = work
        try:
            callback()
        finally:
            group.ending_execution(entity)

    def _next(self) -> Work | None:
        if not self._free():
            return None
        if self._tasks:
            return self._tasks.popleft(), _TASKS, None
        for fresh in (False, True):  # the rest of the last round first, so that no entity starves the others
            if fresh:
                self._round = iter([entity for node in self._nodes for entity in node._entities])
            for entity in self._round:
                group = entity.callback_group
                if group.beginning_execution(entity):
                    callback = entity.take()
                    if callback:
                        return callback, group, entity
                    group.ending_execution(entity)
        return None

    def _wait(self, timeout: float | None, done: Callable[[], bool]) -> Work | None:
        end = None if timeout is None or timeout < 0 else _now() + timeout
        while not done():
            changes = self._context.changes
            if not self._context.ok():
                raise ExternalShutdownException()
            # Before looking for work: a timer that is due by now is either found there, or its group is busy, and
            # whoever keeps it busy wakes this loop.
            limits = [timer.wait_limit() for node in self._nodes for timer in node._timers]
            work = self._next()
            if work:
                return work
            wait = min((limit for limit in limits if limit is not None and limit > 0), default=_LONGEST_WAIT)
            if end is not None:
                wait = min(wait, end - _now())
                if wait <= 0:
                    return None
            with self._context.condition:
                if self._context.changes == changes:
                    self._context.condition.wait(min(wait, _LONGEST_WAIT))
        return None


class SingleThreadedExecutor(Executor):
    """Runs callbacks in the thread that spins."""

    def _run(self, work: Work) -> None:
        self._finish(work)


class MultiThreadedExecutor(Executor):
    """Runs callbacks in `num_threads` threads; callback groups say what may overlap."""

    def __init__(self, num_threads: int | None = None, *, context: Context | None = None) -> None:
        super().__init__(context=context)
        self._threads = max(2, num_threads or 4)
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="executor")
        self._busy = 0
        self._lock = threading.Lock()
        self._error: BaseException | None = None

    def shutdown(self, timeout_sec: float | None = None) -> bool:
        """Stop spinning and let running callbacks finish."""
        super().shutdown()
        self._pool.shutdown(wait=True, cancel_futures=True)
        return True

    def _run(self, work: Work) -> None:
        with self._lock:
            self._busy += 1
        self._pool.submit(self._worker, work)

    def _worker(self, work: Work) -> None:
        try:
            self._finish(work)
        except BaseException as error:
            self._error = error
        finally:
            with self._lock:
                self._busy -= 1
            self.wake()

    def _free(self) -> bool:
        if self._error:
            error, self._error = self._error, None
            raise error
        return self._busy < self._threads


def call(callback: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Run a callback. Raises TypeError on a coroutine function."""
    result = callback(*args, **kwargs)
    if inspect.iscoroutine(result):
        result.close()
        raise TypeError(f"{callback!r} is a coroutine function: without ROS 2, callbacks are plain functions")
    return result


def _now() -> float:
    return time.monotonic()
