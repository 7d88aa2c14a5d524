"""A Cartesian controller as arms have them: from velocities or poses of the tip to joint positions, by its Jacobian."""

import mujoco
import numpy as np
from numpy.typing import NDArray

from qtopt_agent.twin.arms import TwinArm
from qtopt_agent.twin.scene import TIP

Array = NDArray[np.float64]

DAMPING = 0.03  # of least squares, m/rad: near a singularity the arm slows down instead of whirling
GAIN = 15.0  # 1/s, towards a pose
SPEED, TURN = 0.5, 2.0  # m/s and rad/s towards a pose, at most
HOMING = 1.0  # 1/s, of a seventh joint, towards where it is bent as at home
BORDER = 0.02  # rad from a joint's end


class CartesianController:
    """Knows where the joints are told to be; `joints` [n], rad, is what the position controllers are given."""

    def __init__(self, model: mujoco.MjModel, arm: TwinArm) -> None:
        self._model, self._data, self._arm = model, mujoco.MjData(model), arm
        found = [model.joint(f"arm/{name}") for name in arm.joints]
        self._places = np.array([joint.qposadr[0] for joint in found])
        self._dofs = np.array([joint.dofadr[0] for joint in found])
        self._low, self._high = np.array([joint.range for joint in found]).T + np.array([[BORDER], [-BORDER]])
        self._site = model.site(TIP).id
        self._rates = np.array(arm.rates)
        self.joints: Array = np.array(arm.home)
        self.velocity: Array = np.zeros_like(self.joints)

    def towards(self, position: Array, turn: Array, dt: float, measured: Array) -> None:
        """Go after a pose of the tip for `dt` s: position [3], m, and axes as columns [3, 3], of the base frame."""
        here, axes = self.tip()
        ahead = GAIN * (position - here)
        apart = np.zeros(3)
        for k in range(3):
            apart += np.cross(axes[:, k], turn[:, k])
        self.move(_at_most(ahead, SPEED), _at_most(GAIN * apart / 2, TURN), dt, measured)

    def move(self, linear: Array, angular: Array, dt: float, measured: Array) -> None:
        """Move the tip for `dt` s at linear [3], m/s, and angular [3], rad/s, of the base frame.

        measured: where the joints are, rad; none is told to be further from there than the arm gives.
        """
        self._look()
        across, around = np.zeros((3, self._model.nv)), np.zeros((3, self._model.nv))
        mujoco.mj_jacSite(self._model, self._data, across, around, self._site)
        jacobian = np.concatenate([across, around])[:, self._dofs]
        inverse = jacobian.T @ np.linalg.inv(jacobian @ jacobian.T + DAMPING**2 * np.eye(6))
        rates = inverse @ np.concatenate([linear, angular])
        if len(self.joints) > 6:
            bent = HOMING * (np.array(self._arm.home) - self.joints)
            bent[-1] = 0.0  # turns the hand
            rates += bent - inverse @ (jacobian @ bent)
        rates /= max(1.0, float(np.abs(rates / self._rates).max()))
        wanted = np.clip(self.joints + dt * rates, measured - self._arm.give, measured + self._arm.give)
        wanted = np.clip(wanted, self._low, self._high)
        self.velocity = (wanted - self.joints) / dt
        self.joints = wanted

    def stand(self) -> None:
        """Stay where the joints are told to be."""
        self.velocity = np.zeros_like(self.joints)

    def tip(self) -> tuple[Array, Array]:
        """Where the tip is told to be: position [3], m, and axes [3, 3]."""
        self._look()
        return self._data.site_xpos[self._site].copy(), self._data.site_xmat[self._site].reshape(3, 3).copy()

    def bend_to(self, position: Array, turn: Array) -> None:
        """From home to a pose of the tip, without an arm that has to follow."""
        for _ in range(1000):
            self.towards(position, turn, 0.01, self.joints)
        self.stand()

    def _look(self) -> None:
        self._data.qpos[self._places] = self.joints
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_comPos(self._model, self._data)


def _at_most(vector: Array, length: float) -> Array:
    return vector / max(1.0, float(np.linalg.norm(vector)) / length)
