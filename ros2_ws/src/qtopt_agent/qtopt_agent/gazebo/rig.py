"""The cell in a running Gazebo: where the hand is, what it is told, and what lies in the bin. Knows nothing of ROS."""

import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.cell import EMBEDDED, Cell
from qtopt_agent.core.clutter import check_clutter
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.rotations import wrapped
from qtopt_agent.gazebo.bridge import HAND, OBJECTS
from qtopt_agent.gazebo.objects import objects_sdf
from qtopt_agent.gazebo.poses import Pose, in_world
from qtopt_agent.gazebo.services import GazeboError
from qtopt_agent.gazebo.world import PARK_HEIGHT
from qtopt_agent.simulation.layout import Layout, ObjectSource, is_lifted, lay_out

SETTLE_TIME = {False: 0.4, True: 1.2}  # simulated s that objects get to come to rest; True: some lie on others
ARRIVED = 0.01  # m, and ten times as many rad
PATIENCE = 15.0  # s of steady time for the world to get on
EMPTY = 0.002  # m: a jaw that is closed further holds nothing


class World(Protocol):
    """What a rig asks of Gazebo; see services.Services."""

    def create(self, file: Path) -> None:
        """Put a model into the world."""

    def remove(self, model: str) -> None:
        """Take one out."""

    def poses(self) -> dict[str, Pose]:
        """Where everything is."""
        ...


class Rig:
    """`send` takes the set points of some joints by name, m or rad. `hear` and `reset` are for different threads."""

    def __init__(
        self,
        world: World,
        source: ObjectSource,
        clutter: tuple[int, int],
        send: Callable[[dict[str, float]], None],
        cell: Cell = EMBEDDED,
    ) -> None:
        self._cell = cell
        self._world, self._source, self._clutter, self._send = world, source, check_clutter(clutter), send
        self._heard = threading.Condition()
        self._files = tempfile.TemporaryDirectory(prefix="qtopt_objects_")
        self._layout: Layout | None = None
        self._commanding = threading.Lock()  # no set point may slip in after a reset has begun
        self._resetting = self._closed = False
        self._told: dict[str, float] = {}  # the joints' set points
        self._turned = 0.0  # rad, of the yaw joint, which may turn more than once
        self.time = 0.0  # s, simulated
        self.position: NDArray[np.float64] = np.zeros(3)  # m, of the finger tips
        self.aperture = 0.0  # m

    @property
    def yaw(self) -> float:
        """Measured, -pi..pi rad."""
        return wrapped(self._turned)

    @property
    def object_names(self) -> tuple[str, ...]:
        """Of the objects in the bin."""
        return () if self._layout is None else tuple(spec.name for spec in self._layout.objects)

    def hear(self, stamp: float, told: dict[str, Pose]) -> None:
        """Take in where the hand is at `stamp`, simulated s: the model and its links, as in_world takes them."""
        placed = in_world(told, HAND)
        hand = placed["palm"]
        reach = told["right_finger"].position - told["left_finger"].position
        with self._heard:
            self.time, self.position = stamp, hand.position
            self._turned += wrapped(hand.yaw - self._turned)
            self.aperture = max(0.0, float(np.linalg.norm(reach)) - self._cell.jaw.finger_thickness)
            self._heard.notify_all()

    def set_pose(self, position: NDArray[np.float64], yaw: float) -> None:
        """Go to position [3], m, and yaw, rad; ignored during a reset. Raises InvalidInput unless they are finite."""
        if not np.isfinite([*position, yaw]).all():
            raise InvalidInput(f"set point is {position}, yaw {yaw}: expected finite numbers")
        with self._commanding:
            if not self._resetting:
                self._go(position, yaw)

    def set_gripper(self, closed: bool) -> None:
        """Close or open the jaw; ignored during a reset."""
        with self._commanding:
            if not self._resetting:
                self._grip(closed)

    def reset(self, seed: int) -> None:
        """Lay out new objects under the parked hand, and bring it, open, to its start pose. Raises GazeboError."""
        layout = lay_out(self._source, self._clutter, seed, self._cell)
        with self._commanding:
            self._resetting = True
        try:
            self._grip(closed=False)
            self._go(np.array([0.0, 0.0, PARK_HEIGHT]), self.yaw)
            if self._layout is not None:
                self._world.remove(OBJECTS)
                self._layout = None
            self._wait_for("the hand to be parked", lambda: self._is_near((0.0, 0.0, PARK_HEIGHT, self.yaw)))
            self._create(layout)
            self._go(np.array(layout.start[:3]), layout.start[3])
            self._wait_for("the hand to be at its start", lambda: self._is_near(layout.start))
        finally:
            self._resetting = False

    def succeeded(self) -> bool:
        """Whether the jaw holds an object up, clear of the walls. Raises GazeboError."""
        if self._layout is None or not self._closed or self.aperture < EMPTY:
            return False
        placed = in_world(self._world.poses(), OBJECTS)
        outlines = [placed[f"object{i}"].place(spec.outline) for i, spec in enumerate(self._layout.objects)]
        return is_lifted(outlines, self.position, self._cell.attempt.lift_height)

    def _create(self, layout: Layout) -> None:
        # Gazebo keeps meshes by their file's name, and may read them late.
        folder = Path(tempfile.mkdtemp(dir=self._files.name))
        file = folder / "objects.sdf"
        file.write_text(objects_sdf(layout, folder), encoding="utf-8")
        self._world.create(file)
        at_rest = self.time + SETTLE_TIME[layout.stacked]
        self._wait_for("the objects to come to rest", lambda: self.time > at_rest)
        if f"object{len(layout.objects) - 1}" not in self._world.poses():
            raise GazeboError("Gazebo did not put the objects into the bin: see what it printed")
        self._layout = layout

    def _go(self, position: NDArray[np.float64], yaw: float) -> None:
        x, y, z = map(float, position)
        nearest_turn = yaw + 2 * np.pi * round((self._turned - yaw) / (2 * np.pi))
        self._tell({"x": x, "y": y, "z": z - PARK_HEIGHT, "yaw": nearest_turn})

    def _grip(self, closed: bool) -> None:
        self._closed = closed
        finger = 0.0 if closed else self._cell.jaw.aperture / 2
        self._tell({"left": finger, "right": finger})

    def _tell(self, joints: dict[str, float]) -> None:
        # What stays is not said again: a bridge that is ending would leave it unread, and hold up the end of a sender.
        news = {joint: value for joint, value in joints.items() if self._told.get(joint) != value}
        self._told |= news
        self._send(news)

    def _is_near(self, pose: tuple[float, float, float, float]) -> bool:
        away = float(np.linalg.norm(self.position - pose[:3]))
        return away < ARRIVED and abs(wrapped(pose[3] - self._turned)) < 10 * ARRIVED

    def _wait_for(self, what: str, met: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        with self._heard:
            while not met():
                if not self._heard.wait(timeout=max(0.0, end - time.monotonic())) and time.monotonic() > end:
                    raise GazeboError(f"waited {PATIENCE:.0f} s in vain for {what}")
