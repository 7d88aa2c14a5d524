"""Guard conditions."""

from collections.abc import Callable
from typing import Any

from .callback_groups import CallbackGroup


class GuardCondition:
    """Lets any thread have a callback run by the executor."""

    def __init__(self, context: Any, callback: Callable[[], Any], group: CallbackGroup) -> None:
        self.callback, self.callback_group = callback, group
        self._context, self._triggered = context, False

    def trigger(self) -> None:
        """Have the callback run once."""
        self._triggered = True
        self._context.wake()

    def take(self) -> Callable[[], Any] | None:
        """The callback, if it was triggered."""
        if not self._triggered:
            return None
        self._triggered = False
        return self.callback
