"""What becomes of a goal of a gripper's action: reached, stalled, or still under way."""

from dataclasses import dataclass, field

STALL_TIME = 1.0  # s without motion, as ros2_controllers has it


@dataclass
class JawGoal:
    """A position, m or rad. tolerance: within which it is reached. still: velocity of a jaw that has stalled, per s."""

    position: float
    tolerance: float
    still: float
    reached: bool = field(default=False, init=False)
    stalled: bool = field(default=False, init=False)
    _moved: float | None = field(default=None, init=False)

    def ended(self, position: float, velocity: float, now: float) -> bool:
        """Whether it is over, with the jaw at `position`, moving at `velocity`, at `now`, s."""
        if self._moved is None or abs(velocity) > self.still:
            self._moved = now
        self.reached = abs(position - self.position) <= self.tolerance
        self.stalled = not self.reached and now - self._moved >= STALL_TIME
        return self.reached or self.stalled
