"""The embedded world as a real arm's controller sees it: time passes, set points come and may stop coming."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.observation import Observation
from qtopt_agent.simulation.robot import SimulatedRobot
from qtopt_agent.simulation.scene import TIMESTEP

if TYPE_CHECKING:
    from qtopt_agent.simulation.stream import Stream

LEAD = 0.03  # m: how far a velocity's set point may run ahead of the hand


class LiveWorld:
    """Follows the last pose or twist; without one for `timeout` s of simulated time, it holds where the hand is."""

    def __init__(self, robot: SimulatedRobot, timeout: float) -> None:
        if not 0 < timeout < np.inf:
            raise InvalidInput(f"timeout is {timeout} s, expected finite and above 0")
        self.time = 0.0  # s; goes on through resets
        self._robot, self._timeout = robot, timeout
        self._rest = 0.0

    def reset(self, seed: int) -> None:
        """Lay out new objects; the hand is at a start pose, the jaw open, and set points from before are forgotten."""
        self._robot.reset(seed)
        self._closed = False
        self._hold()

    def set_pose(self, position: NDArray[np.floating[Any]], yaw: float) -> None:
        """Go to position [3], m, and yaw, rad. Raises InvalidInput if they are not finite."""
        if not np.isfinite([*position, yaw]).all():
            raise InvalidInput(f"set point is {position}, yaw {yaw}: expected finite numbers")
        self._goal, self._yaw = np.asarray(position, dtype=np.float64), yaw
        self._velocity, self._yaw_rate = np.zeros(3), 0.0
        self._heard = self.time

    def set_twist(self, velocity: NDArray[np.floating[Any]], yaw_rate: float) -> None:
        """Move on at velocity [3], m/s, and yaw_rate, rad/s. Raises InvalidInput if they are not finite."""
        if not np.isfinite([*velocity, yaw_rate]).all():
            raise InvalidInput(f"twist is {velocity}, yaw rate {yaw_rate}: expected finite numbers")
        self._velocity, self._yaw_rate = np.asarray(velocity, dtype=np.float64), yaw_rate
        self._heard = self.time

    def set_gripper(self, closed: bool) -> None:
        """Close or open the jaw."""
        self._closed = closed

    def advance(self, duration: float) -> None:
        """Let `duration` s pass, in whole time steps; what is left over counts the next time."""
        steps = int((duration + self._rest) / TIMESTEP + 1e-9)
        self._rest += duration - steps * TIMESTEP
        if self.time - self._heard > self._timeout:
            self._hold()
        moved = steps * TIMESTEP
        if self._velocity.any() or self._yaw_rate:
            here = self._robot.pose()
            ahead = self._goal + self._velocity * moved - here[:3]
            self._goal = here[:3] + ahead * min(1.0, LEAD / max(float(np.linalg.norm(ahead)), 1e-9))
            self._yaw += self._yaw_rate * moved
        self._robot.follow(self._goal, self._yaw, self._closed, moved)
        self.time += moved

    def pose(self) -> NDArray[np.float64]:
        """Measured finger-tip position x, y, z in m and yaw in rad."""
        return self._robot.pose()

    def aperture(self) -> float:
        """Measured distance between the fingers, m."""
        return self._robot.aperture()

    @property
    def closed(self) -> bool:
        """Whether the jaw was last told to close."""
        return self._closed

    def objects(self) -> list[tuple[NDArray[np.float64], float]]:
        """Middle [3] and lowest height of each object, m."""
        outlines = [self._robot.outline(index) for index in range(len(self._robot.object_names))]
        return [((points.max(0) + points.min(0)) / 2, float(points[:, 2].min())) for points in outlines]

    def take(self, stream: "Stream", stamp: float) -> None:
        """Have `stream` take a picture, stamped `stamp`, s."""
        stream.take(self._robot, self.time, stamp)

    def observe(self) -> Observation:
        """What the camera sees now."""
        return self._robot.observe()

    def succeeded(self) -> bool:
        """Whether an object is held clear above the walls."""
        return self._robot.succeeded()

    @property
    def object_names(self) -> tuple[str, ...]:
        """Names of the objects in the bin."""
        return self._robot.object_names

    def _hold(self) -> None:
        here = self._robot.pose()
        self._goal, self._yaw = here[:3], float(here[3])
        self._velocity, self._yaw_rate = np.zeros(3), 0.0
        self._heard = np.inf  # nothing is expected until the next set point
