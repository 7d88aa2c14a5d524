"""Which callbacks may run at the same time."""

import threading
from typing import Any


class CallbackGroup:
    """Base of the two kinds."""

    def beginning_execution(self, entity: Any) -> bool:
        """Claim the right to run. Returns whether it was granted."""
        raise NotImplementedError

    def ending_execution(self, entity: Any) -> None:
        """Give the right back."""
        raise NotImplementedError


class ReentrantCallbackGroup(CallbackGroup):
    """Everything may run at once, also one callback with itself."""

    def beginning_execution(self, entity: Any) -> bool:
        """Always granted."""
        return True

    def ending_execution(self, entity: Any) -> None:
        """Nothing to give back."""


class MutuallyExclusiveCallbackGroup(CallbackGroup):
    """One callback at a time."""

    def __init__(self) -> None:
        self._running = threading.Lock()

    def beginning_execution(self, entity: Any) -> bool:
        """Granted while nothing of the group runs."""
        return self._running.acquire(blocking=False)

    def ending_execution(self, entity: Any) -> None:
        """Let the next one run."""
        self._running.release()
