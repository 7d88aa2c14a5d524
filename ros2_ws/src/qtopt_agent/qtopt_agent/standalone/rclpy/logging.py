"""Loggers: lines on stderr in ROS 2's format."""

import sys
import time
from enum import IntEnum
from typing import Any


class LoggingSeverity(IntEnum):
    """Severities, rising."""

    UNSET = 0
    DEBUG = 10
    INFO = 20
    WARN = 30
    ERROR = 40
    FATAL = 50


_levels: dict[str, LoggingSeverity] = {"": LoggingSeverity.INFO}

Place = tuple[str, int, int]  # in the code: file, line, instruction
Filters = tuple[float, bool, bool]  # throttle_duration_sec, skip_first, once


class RcutilsLogger:
    """A named logger; a name's parts are separated by dots and inherit the level of the part before."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self._callers: dict[Place, tuple[LoggingSeverity, Filters]] = {}
        self._last_seen: dict[Place, float] = {}  # time of a place's last line, s

    def get_child(self, name: str) -> "RcutilsLogger":
        """The logger `self.name` . `name`."""
        return RcutilsLogger(f"{self.name}.{name}" if self.name else name)

    def set_level(self, level: int) -> None:
        """Show this severity and those above."""
        _levels[self.name] = LoggingSeverity(level)

    def get_effective_level(self) -> LoggingSeverity:
        """The severity from which lines are shown."""
        name = self.name
        while name not in _levels or _levels[name] == LoggingSeverity.UNSET:
            name = name.rpartition(".")[0]
        return _levels[name]

    def is_enabled_for(self, severity: int) -> bool:
        """Whether lines of this severity are shown."""
        return severity >= self.get_effective_level()

    def log(
        self,
        message: str,
        severity: int,
        *,
        throttle_duration_sec: float | None = None,
        skip_first: bool = False,
        once: bool = False,
        _depth: int = 1,
    ) -> bool:
        """Write a line; `throttle_duration_sec` and `once` go by the place in the code. Returns whether it did.

        Raises ValueError where a place changes its severity or filters, TypeError on a message that is no text.
        """
        if not self.is_enabled_for(severity):
            return False
        frame = sys._getframe(_depth)
        place = (frame.f_code.co_filename, frame.f_lineno, frame.f_lasti)
        filters = (throttle_duration_sec or 0.0, skip_first, once)
        if self._callers.setdefault(place, (LoggingSeverity(severity), filters)) != (severity, filters):
            raise ValueError("Logger severity and filters cannot be changed between calls from one place.")
        if any(filters):
            now, last = time.monotonic(), self._last_seen.get(place)
            held = last is not None and (once or (throttle_duration_sec or 0) > now - last)
            if held or (skip_first and last is None):
                self._last_seen.setdefault(place, now)
                return False
            self._last_seen[place] = now
        if not isinstance(message, str):
            raise TypeError(f"message is {type(message).__name__}, expected str")
        stamp = "{}.{:09}".format(*divmod(time.time_ns(), 10**9))
        print(f"[{LoggingSeverity(severity).name}] [{stamp}] [{self.name}]: {message}", file=sys.stderr, flush=True)
        return True

    def debug(self, message: str, **how: Any) -> bool:
        """Log at DEBUG."""
        return self.log(message, LoggingSeverity.DEBUG, _depth=2, **how)

    def info(self, message: str, **how: Any) -> bool:
        """Log at INFO."""
        return self.log(message, LoggingSeverity.INFO, _depth=2, **how)

    def warning(self, message: str, **how: Any) -> bool:
        """Log at WARN."""
        return self.log(message, LoggingSeverity.WARN, _depth=2, **how)

    def warn(self, message: str, **how: Any) -> bool:
        """Log at WARN."""
        return self.log(message, LoggingSeverity.WARN, _depth=2, **how)

    def error(self, message: str, **how: Any) -> bool:
        """Log at ERROR."""
        return self.log(message, LoggingSeverity.ERROR, _depth=2, **how)

    def fatal(self, message: str, **how: Any) -> bool:
        """Log at FATAL."""
        return self.log(message, LoggingSeverity.FATAL, _depth=2, **how)


def get_logger(name: str) -> RcutilsLogger:
    """The logger of that name."""
    return RcutilsLogger(name)


def set_logger_level(name: str, level: int) -> None:
    """Show this severity and those above; an empty name is every logger."""
    _levels[name] = LoggingSeverity(level)


def get_logging_severity_from_string(log_severity: str) -> LoggingSeverity:
    """`info` is INFO. Raises RuntimeError on another word."""
    try:
        return LoggingSeverity[log_severity.upper()]
    except KeyError:
        raise RuntimeError(f"{log_severity!r} is no log level") from None
