"""What an arm driver knows whether it is configured or not."""

import math
from dataclasses import dataclass


@dataclass
class DriverMemory:
    """Outlives a cleanup; shared by the node and what it has configured."""

    arm_on_start: bool  # until it has been armed, or somebody has disarmed it
    active: bool = False
    closed: bool = False  # the last command to the jaw
    guard_heard: float = math.inf  # never
    guard_trouble: str = ""
    cut_commands: int = 0
    stops: int = 0
