"""Between an arm's tool orientation and the yaw of a gripper that points down.

The agent's gripper frame has z up. Most arms' tool frames have z along the fingers, down: the profile names the tool's
orientation at yaw 0, and a yaw turns it about the base frame's z.
"""

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.rotations import wrapped

Quaternion = NDArray[np.float64]
"""x, y, z, w, of unit length."""


def unit_quaternion(values: object) -> Quaternion:
    """`values` as a unit quaternion x, y, z, w. Raises InvalidInput unless they are 4 finite numbers, not all 0."""
    q = np.asarray(values, dtype=np.float64)
    if q.shape != (4,) or not np.isfinite(q).all() or not np.linalg.norm(q) > 0.1:
        raise InvalidInput(f"orientation is {q.tolist()}, expected the 4 numbers of a unit quaternion x, y, z, w")
    return q / np.linalg.norm(q)


def orientation_at(yaw: float, tool: Quaternion) -> Quaternion:
    """The tool's orientation at `yaw`, rad; `tool` is that at yaw 0."""
    return _product(np.array([0, 0, np.sin(yaw / 2), np.cos(yaw / 2)]), tool)


def yaw_and_lean(orientation: Quaternion, tool: Quaternion) -> tuple[float, NDArray[np.float64]]:
    """Yaw, -pi..pi rad, and the turn [2] about the base frame's x and y, rad, by which the tool leans.

    Without a lean it points down.
    """
    x, y, z, w = _product(orientation, tool * [-1, -1, -1, 1])
    tilt = 2 * np.arctan2(np.hypot(x, y), np.hypot(z, w))
    axis = np.array([w * x - y * z, w * y + x * z])
    length = np.hypot(*axis)
    # upside down it leans about any axis
    return wrapped(2 * np.arctan2(z, w)), tilt * (axis / length if length else np.array([1.0, 0.0]))


def angle_between(one: Quaternion, other: Quaternion) -> float:
    """The smallest turn, 0..pi rad, from one orientation to the other."""
    return float(2 * np.arccos(min(1.0, abs(float(one @ other)))))


def _product(a: Quaternion, b: Quaternion) -> Quaternion:
    ax, ay, az, aw = a
    bx, by, bz, bw = b
    return np.array(
        [
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
            aw * bw - ax * bx - ay * by - az * bz,
        ]
    )
