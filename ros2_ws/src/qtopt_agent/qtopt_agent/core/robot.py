"""The one interface of the embedded simulator, Gazebo and a real arm."""

from typing import Protocol

from qtopt_agent.core.action import Action
from qtopt_agent.core.observation import Observation


class Robot(Protocol):
    """Something with a gripper over a bin."""

    def reset(self, seed: int) -> Observation:
        """Open the jaw, return to a start pose and, where it can be done, lay the objects out anew."""
        ...

    def observe(self) -> Observation:
        """The newest observation."""
        ...

    def execute(self, action: Action) -> Action:
        """Carry `action` out, block until it is done, and return what was really commanded after safety."""
        ...
