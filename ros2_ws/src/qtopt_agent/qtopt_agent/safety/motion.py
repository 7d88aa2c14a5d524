"""A set point that goes after a goal within limits of speed and acceleration, and can always stop inside the box."""

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.rotations import wrapped
from qtopt_agent.safety.limits import WorkspaceBox

Vector = NDArray[np.float64]

NEAR, SLOW = 1e-4, 1e-3  # m (rad) and m/s (rad/s): there, and all but standing


@dataclass(frozen=True)
class RateLimits:
    """Limits of the set point itself."""

    speed: float = 0.25  # m/s
    acceleration: float = 1.0  # m/s^2
    yaw_rate: float = 1.0  # rad/s
    yaw_acceleration: float = 4.0  # rad/s^2

    def __post_init__(self) -> None:
        for field in fields(self):
            if not 0 < getattr(self, field.name) < np.inf:
                raise InvalidInput(f"limit of {field.name} is {getattr(self, field.name)}, expected finite and above 0")


@dataclass(frozen=True)
class Pose:
    """Of the finger tips in the base frame: position [3], m, and yaw, rad."""

    position: Vector
    yaw: float

    def __post_init__(self) -> None:
        if self.position.shape != (3,) or not np.isfinite([*self.position, self.yaw]).all():
            raise InvalidInput(f"pose is {self.position.tolist()}, yaw {self.yaw}: expected 4 finite numbers")


@dataclass(frozen=True)
class Reference:
    """The set point: where it is and how it moves; velocity [3], m/s, and yaw rate, rad/s, in the base frame."""

    pose: Pose
    velocity: Vector
    yaw_rate: float

    @staticmethod
    def at_rest(pose: Pose) -> "Reference":
        """A set point that stands at `pose`."""
        return Reference(pose, np.zeros(3), 0.0)

    @property
    def standing(self) -> bool:
        """Whether its velocity is exactly 0."""
        return not self.velocity.any() and self.yaw_rate == 0

    def near(self, goal: Pose) -> bool:
        """Whether it has arrived at `goal` and all but stands."""
        apart = max(_length(goal.position - self.pose.position), abs(goal.yaw - self.pose.yaw))
        return bool(apart <= NEAR and max(_length(self.velocity), abs(self.yaw_rate)) <= SLOW)

    def unwound(self, pose: Pose) -> Pose:
        """`pose` with the turn of its yaw that is nearest to this one's, which does not wrap around."""
        return Pose(pose.position, self.pose.yaw + wrapped(pose.yaw - self.pose.yaw))

    def stop_pose(self, limits: RateLimits) -> Pose:
        """Where it comes to rest if it brakes now."""
        turn = self.yaw_rate * abs(self.yaw_rate) / (2 * limits.yaw_acceleration)
        ahead = self.velocity * _length(self.velocity) / (2 * limits.acceleration)
        return Pose(self.pose.position + ahead, self.pose.yaw + turn)

    def braked(self, limits: RateLimits, dt: float) -> "Reference":
        """After `dt` s of slowing down as fast as is allowed, in a straight line."""
        velocity = self.velocity - shortened(self.velocity, limits.acceleration * dt)
        rate = self.yaw_rate - float(
            np.clip(self.yaw_rate, -limits.yaw_acceleration * dt, limits.yaw_acceleration * dt)
        )
        return self._moved(velocity, rate, dt)

    def towards(self, goal: Pose, limits: RateLimits, box: WorkspaceBox, dt: float) -> "Reference":
        """After `dt` s on the way to `goal`, which it reaches without overshooting when it comes from rest.

        Braking from what this returns ends inside `box`: a step that would break that is replaced by braking, and a
        set point that can stop inside a convex box still can after braking. `dt` may change from call to call.
        """
        if dt <= 0 or self.near(goal):
            return self.braked(limits, dt)
        offset = goal.position - self.pose.position
        velocity = _next_velocity(offset, self.velocity, limits.speed, limits.acceleration, dt)
        turn, rate = np.array([goal.yaw - self.pose.yaw]), np.array([self.yaw_rate])
        yaw_rate = float(_next_velocity(turn, rate, limits.yaw_rate, limits.yaw_acceleration, dt)[0])
        step = self._moved(velocity, yaw_rate, dt)
        end = step.stop_pose(limits).position
        if _length(end - box.clip(end)) < 1e-9:
            return step
        slower = self.braked(limits, dt)
        return replace(step, pose=Pose(slower.pose.position, step.pose.yaw), velocity=slower.velocity)

    def _moved(self, velocity: Vector, yaw_rate: float, dt: float) -> "Reference":
        return Reference(Pose(self.pose.position + velocity * dt, self.pose.yaw + yaw_rate * dt), velocity, yaw_rate)


def _next_velocity(offset: Vector, velocity: Vector, speed: float, acceleration: float, dt: float) -> Vector:
    """The velocity [N] for the next `dt` s: as fast as `offset` [N] allows with room left to brake in."""
    distance = _length(offset)
    gain = acceleration * dt
    # The fastest that covers one tick and then brakes within `distance`: v dt + v^2 / 2a = distance.
    fastest = min(speed, float(np.sqrt(gain**2 + 2 * acceleration * distance)) - gain)
    wanted = offset * (fastest / distance) if distance > 0 else np.zeros_like(offset)
    return velocity + shortened(wanted - velocity, gain)


def shortened(vector: Vector, length: float) -> Vector:
    """`vector` [N], or as much of it as is no longer than `length`."""
    own = _length(vector)
    return vector * (length / own) if own > length else vector


def _length(vector: Vector) -> float:
    return float(np.hypot.reduce(vector))
