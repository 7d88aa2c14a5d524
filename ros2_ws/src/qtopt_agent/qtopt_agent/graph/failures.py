"""What goes wrong in a node's process: all is said, the first decides, and none keeps an arm from being stopped."""

import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from qtopt_agent.core.errors import QtoptError
from qtopt_agent.standalone.processes import LAST_WORDS

_T = TypeVar("_T")


class Failures:
    """Exceptions that nobody has caught."""

    def __init__(self) -> None:
        self.first: BaseException | None = None
        self._said: set[str] = set()

    def attempt(self, call: Callable[[], _T]) -> _T | None:
        """What `call` returns, or None where it raises: then that is added."""
        try:
            return call()
        except Exception as error:  # whatever a callback of a node raises: what streams set points has to go on
            self.add(error)
            return None

    def add(self, error: BaseException) -> None:
        """Note and say `error`; the same one again, as from a timer, is said no second time."""
        text = _text(error)
        known, first = text in self._said, self.first is None
        self._said.add(text)
        if first:
            self.first = error
        if known:
            return
        if not isinstance(error, QtoptError):
            _say("".join(traceback.format_exception(error)).rstrip())
        elif not first:
            _say(text)  # the first is said at the end

    def last_words(self) -> None:
        """Say the first of them."""
        if self.first is not None:
            _say(f"{LAST_WORDS}{_text(self.first)}")


def _text(error: BaseException) -> str:
    text = str(error) if isinstance(error, QtoptError) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())  # one line


def _say(text: str) -> None:
    with suppress(OSError):  # whoever read it may be gone
        print(text, file=sys.stderr, flush=True)
