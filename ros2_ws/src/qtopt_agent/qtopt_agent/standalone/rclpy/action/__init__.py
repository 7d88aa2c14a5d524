"""Actions: goals that take time, can be cancelled, and report on the way."""

from .client import ActionClient
from .server import ActionServer, CancelResponse, GoalResponse

__all__ = ["ActionClient", "ActionServer", "CancelResponse", "GoalResponse"]
