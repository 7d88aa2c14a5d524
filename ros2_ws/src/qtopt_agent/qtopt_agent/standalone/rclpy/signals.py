"""Which signals end a context."""

from enum import Enum


class SignalHandlerOptions(Enum):
    """Signals on which `rclpy.init` shuts its context down."""

    NO = 0
    SIGINT = 1
    SIGTERM = 2
    ALL = 3
