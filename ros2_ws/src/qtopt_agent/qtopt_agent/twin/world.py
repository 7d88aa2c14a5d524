"""The twin as its drivers see it: set points come and may stop coming, time passes, joints are measured."""

import mujoco
import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.cell import Cell
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.simulation import object_source
from qtopt_agent.simulation.layout import Layout, Pose, lay_out
from qtopt_agent.twin import scene
from qtopt_agent.twin.arms import Takes, twin_arm
from qtopt_agent.twin.cartesian import CartesianController

Array = NDArray[np.float64]

SERVO_TIMEOUT = 0.1  # s: MoveIt Servo's incoming_command_timeout
_SUBSTEPS = 2  # of physics, for each of the controller's
_SMOOTHING = 0.02  # s, of Servo's low pass filter
_DROP = 0.06  # m above the floor, from which objects are put into the bin
_NOISE = 2e-5  # rad (m), of a joint's encoder


class TwinWorld:
    """An arm called `name`, one of ARMS, over the bin of `cell` with `clutter` (fewest, most) of `objects`.

    time: s. stopped: by a protective stop, in which the arm stands and takes nothing. listening: whether Servo has been
    told that twists come; always true where poses do.
    """

    def __init__(self, name: str, cell: Cell, objects: str, clutter: tuple[int, int], seed: int) -> None:
        self.arm, self.cell, self.time, self.stopped = twin_arm(name), cell, 0.0, False
        self.listening = self.arm.takes is Takes.POSES
        self._layout: Layout = lay_out(object_source(objects, cell=cell), clutter, seed, cell)
        self._rng = np.random.default_rng([seed, 3])
        self.model = scene.build(self.arm, cell, self._layout.objects, self._layout.friction, self._rng)
        self.data = mujoco.MjData(self.model)
        self._control = CartesianController(self.model, self.arm)
        high = np.add(cell.bin.position, (0.0, 0.0, cell.attempt.start_height[1]))
        self._control.bend_to(high, np.eye(3))
        arm, jaw = ([self.model.joint(f"{where}/{each}") for each in of.joints]
                    for where, of in (("arm", self.arm), ("hand", self.arm.jaw)))  # fmt: skip
        self._arm_places, self._arm_dofs = (np.array([getattr(j, a)[0] for j in arm]) for a in ("qposadr", "dofadr"))
        self._jaw_places, self._jaw_dofs = (np.array([getattr(j, a)[0] for j in jaw]) for a in ("qposadr", "dofadr"))
        self._bodies = [self.model.body(f"object{i}").id for i in range(len(self._layout.objects))]
        self._tip = self.model.site(scene.TIP).id
        self._jaw_goal = self._jaw_target = self.arm.jaw.opened
        self._target: tuple[Array, Array] | None = None
        self._twist = self._smooth = np.zeros(6)
        self._heard = -np.inf
        self._rest = 0.0
        self._stand_at_the_start()

    def _stand_at_the_start(self) -> None:
        data = self.data
        data.qpos[self._arm_places] = self._control.joints
        data.qpos[self._jaw_places] = self.arm.jaw.opened * np.array(list(self.arm.jaw.joints.values()))
        for index, (x, y, z, yaw) in enumerate(self._layout.poses):
            self._put(index, np.add(self.cell.bin.position, (x, y, z)), yaw)
        self._drive()
        mujoco.mj_step(self.model, data, nstep=500)  # objects settle
        data.time = 0.0

    def _put(self, index: int, position: Array, yaw: float) -> None:
        joint = self.data.joint(f"object{index}")
        joint.qpos[:] = [*position, np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2)]
        joint.qvel[:] = 0.0

    def take_twists(self) -> None:
        """What `switch_command_type` does."""
        self.listening = True

    def set_twist(self, linear: Array, angular: Array) -> bool:
        """Move the tip at linear [3], m/s, and angular [3], rad/s, of the base frame, for a tenth of a second.

        Returns whether it is heeded. Raises InvalidInput if the numbers are not finite.
        """
        twist = np.concatenate([linear, angular])
        if not np.isfinite(twist).all():
            raise InvalidInput(f"twist is {twist.tolist()}, expected finite numbers")
        if self.arm.takes is not Takes.TWISTS or not self.listening or self.stopped:
            return False
        self._twist, self._heard = twist, self.time
        return True

    def set_pose(self, position: Array, turn: Array) -> bool:
        """Go to a pose of the tip: position [3], m, axes [3, 3] of the cell's tip frame, in the base frame.

        Returns whether it is heeded. Raises InvalidInput if the numbers are not finite.
        """
        if not np.isfinite([*position, *turn.ravel()]).all():
            raise InvalidInput(f"pose is {position}, axes {turn.tolist()}: expected finite numbers")
        if self.arm.takes is not Takes.POSES or self.stopped:
            return False
        self._target = np.array(position, dtype=np.float64), turn
        return True

    def set_jaw(self, position: float, effort: float) -> None:
        """Move the jaw's first joint to `position`, m or rad, pressing with at most `effort` N. Raises InvalidInput."""
        if not np.isfinite([position, effort]).all():
            raise InvalidInput(f"jaw is told {position} with {effort} N, expected finite numbers")
        jaw = self.arm.jaw
        self._jaw_goal = max(min(position, max(jaw.opened, jaw.closed)), min(jaw.opened, jaw.closed))
        force = 2 * jaw.lever * min(max(effort, 1.0), jaw.force)  # of both fingers
        self.model.actuator_forcerange[-1] = (-force, force)

    def protective_stop(self) -> None:
        """Stand, and take nothing until `unlock`."""
        self.stopped, self._target = True, None
        self._heard = -np.inf

    def unlock(self) -> None:
        """End a protective stop."""
        self.stopped = False
        self._hold()

    def advance(self, duration: float) -> None:
        """Let `duration` s pass, in whole steps of the controller; what is left over counts the next time."""
        step = _SUBSTEPS * scene.TIMESTEP
        steps = int((duration + self._rest) / step + 1e-9)
        self._rest += duration - steps * step
        for _ in range(steps):
            self._control_for(step)
            self._drive()
            mujoco.mj_step(self.model, self.data, nstep=_SUBSTEPS)
            self.time += step

    def _control_for(self, step: float) -> None:
        measured = self.data.qpos[self._arm_places]
        if self.stopped:
            self._control.stand()
        elif self.arm.takes is Takes.TWISTS:
            wanted = self._twist if self.time - self._heard <= SERVO_TIMEOUT else np.zeros(6)
            self._smooth = self._smooth + (wanted - self._smooth) * min(1.0, step / _SMOOTHING)
            if np.abs(self._smooth).max() < 1e-4:
                self._smooth = np.zeros(6)
                self._control.stand()
            else:
                self._control.move(self._smooth[:3], self._smooth[3:], step, measured)
        elif self._target is not None:
            self._control.towards(*self._target, step, measured)
        ahead, most = self._jaw_goal - self._jaw_target, self.arm.jaw.rate * step
        self._jaw_target += float(np.clip(ahead, -most, most))

    def _drive(self) -> None:
        arm = self.arm
        self.data.ctrl[:-1] = self._control.joints + arm.damping / arm.stiffness * self._control.velocity
        self.data.ctrl[-1] = self._jaw_target

    def _hold(self) -> None:
        self._control.joints = self.data.qpos[self._arm_places].copy()
        self._control.stand()
        self._smooth = self._twist = np.zeros(6)

    def joints(self) -> dict[str, tuple[float, float]]:
        """Position, rad or m, and velocity of every joint by its driver's name, as encoders see them."""
        data, jaw = self.data, self.arm.jaw
        places = data.qpos[self._arm_places] + self._rng.normal(0, _NOISE, len(self._arm_places))
        arm = zip(self.arm.joints.values(), zip(places, data.qvel[self._arm_dofs], strict=True), strict=True)
        found = {name: (float(position), float(velocity)) for name, (position, velocity) in arm}
        position, velocity = data.qpos[self._jaw_places[0]], data.qvel[self._jaw_dofs[0]]
        return found | {name: (float(sign * position), float(sign * velocity)) for name, sign in jaw.published.items()}

    def jaw(self) -> tuple[float, float]:
        """Position, m or rad, and velocity of the jaw's first joint."""
        return float(self.data.qpos[self._jaw_places[0]]), float(self.data.qvel[self._jaw_dofs[0]])

    def tip(self) -> tuple[Array, Array]:
        """Where the finger tips are: position [3], m, axes [3, 3] of the cell's tip frame in the base frame."""
        return self.data.site_xpos[self._tip].copy(), self.data.site_xmat[self._tip].reshape(3, 3).copy()

    def flange(self) -> tuple[Array, Array]:
        """Where the hand is mounted, likewise, by axes of its own."""
        flange = self.data.body("arm/right_hand")
        return flange.xpos.copy(), flange.xmat.reshape(3, 3).copy()

    def pose(self) -> Array:
        """Where the finger tips are in the bin's frame: x, y, z, m, and yaw, rad."""
        position, turn = self.tip()
        return np.array([*(position - self.cell.bin.position), np.arctan2(turn[1, 0], turn[0, 0])])

    @property
    def closed(self) -> bool:
        """Whether the jaw is told to shut, or nearly so."""
        jaw = self.arm.jaw
        return abs(self._jaw_goal - jaw.closed) < abs(self._jaw_goal - jaw.opened)

    def aperture(self) -> float:
        """Distance between the fingers, m, as a driver works it out."""
        jaw = self.arm.jaw
        return (self.jaw()[0] - jaw.closed) / (jaw.opened - jaw.closed) * self.cell.jaw.aperture

    def objects(self) -> list[tuple[Array, float]]:
        """Of each object the middle [3] and the height of its lowest point, m, in the bin's frame."""
        found = []
        for spec, body in zip(self._layout.objects, self._bodies, strict=True):
            turn = self.data.xmat[body].reshape(3, 3)
            points = spec.outline @ turn.T + self.data.xpos[body] - self.cell.bin.position
            found.append(((points.max(0) + points.min(0)) / 2, float(points[:, 2].min())))
        return found

    def refill(self) -> int:
        """Somebody puts what has left the bin back into it, at drawn places. Returns how many objects."""
        half = np.array(self.cell.bin.size) / 2
        out = [i for i, (middle, _) in enumerate(self.objects()) if (np.abs(middle[:2]) > half).any() or middle[2] < 0]
        room = np.maximum(0.0, half - 0.06)
        for index in out:
            place: Pose = (*self._rng.uniform(-room, room), _DROP, self._rng.uniform(-np.pi, np.pi))
            self._put(index, np.add(self.cell.bin.position, place[:3]), place[3])
        return len(out)
