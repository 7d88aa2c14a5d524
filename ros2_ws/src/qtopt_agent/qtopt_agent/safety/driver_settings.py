"""What an arm driver may do and what it expects of its inputs: one set for each kind of arm."""

from dataclasses import dataclass, field, fields
from enum import StrEnum

import numpy as np

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.safety.limits import MotionLimits
from qtopt_agent.safety.motion import RateLimits
from qtopt_agent.safety.watchdog import AgeLimits

STATUS_PERIOD = 0.05  # s: longest time between two words of a driver that lives


class Output(StrEnum):
    """What the arm's controller takes."""

    POSE = "pose"
    TWIST = "twist"


@dataclass(frozen=True)
class DriverSettings:
    """Limits of one arm. Only the workspace box in `step` has to be given for every arm; the rest is cautious."""

    step: MotionLimits
    output: Output
    rates: RateLimits = field(default_factory=RateLimits)
    ages: AgeLimits = field(default_factory=AgeLimits)
    period: float = 0.01  # s between two set points
    gripper_effort: float = 20.0  # N, sent with every gripper command
    gripper_time: float = 1.0  # s from a gripper command to the end of its step
    lead: float = 0.03  # m that the set point may be ahead of the hand, which bounds the force of a contact
    yaw_lead: float = 0.5  # rad, likewise
    arrival: float = 0.005  # m (and 10 times that in rad) from the goal at which the hand has arrived
    patience: float = 0.3  # s without headway after which a motion is over, wherever it is
    margin: float = 0.02  # m that the hand may be outside the workspace box
    tilt: float = 0.2  # rad that the tool may lean
    writer_timeout: float = 2.0  # s of silence after which another agent may take over

    def __post_init__(self) -> None:
        names = "period", "gripper_effort", "lead", "yaw_lead", "arrival", "patience", "tilt", "writer_timeout"
        for name in names:
            if not 0 < getattr(self, name) < np.inf:
                raise InvalidInput(f"{name} is {getattr(self, name)}, expected finite and above 0")
        for name in ("gripper_time", "margin"):
            if not 0 <= getattr(self, name) < np.inf:
                raise InvalidInput(f"{name} is {getattr(self, name)}, expected finite and 0 or more")
        for limit in fields(self.ages):
            age = getattr(self.ages, limit.name)
            if age < 3 * self.period:
                raise InvalidInput(
                    f"age limit of {limit.name} is {age} s, expected {3 * self.period} s or more: "
                    "three times the time between two set points"
                )
        if self.ages.driver < 4 * STATUS_PERIOD:
            raise InvalidInput(f"age limit of driver is {self.ages.driver} s, expected {4 * STATUS_PERIOD} s or more")

    @property
    def braking(self) -> float:
        """The way that a set point at full speed needs to come to rest, m."""
        return self.rates.speed**2 / (2 * self.rates.acceleration)

    @property
    def longest_tick(self) -> float:
        """Time between two set points after which the stop guard may have taken the driver for dead, s."""
        return self.ages.driver - 2 * STATUS_PERIOD

    def reachable(self, distance: float, angle: float, seconds: float) -> bool:
        """Whether an arm within these limits may have moved `distance`, m, and turned `angle`, rad, in that time."""
        return (
            distance <= self.lead + 2 * self.rates.speed * seconds
            and angle <= self.yaw_lead + 2 * self.rates.yaw_rate * seconds
        )
