"""What only a simulator knows: where the objects lie. Used as auxiliary training target and low-dimensional state."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Of the object nearest to the finger tips, in the gripper frame; m, except the outline's orientation (-1..1).
PRIVILEGED_NAMES = (
    "object_x_m",
    "object_y_m",
    "object_z_m",
    "object_cos2",
    "object_sin2",
    "object_width_m",
    "object_top_m",
)
PRIVILEGED_SIZE = len(PRIVILEGED_NAMES)


def measure(points: Array, tips: Array, yaw: float) -> NDArray[np.float32]:
    """Describe an object by its surface `points` [N, 3] in the world, for a gripper at `tips` [3] turned by `yaw` rad.

    Returns float32 [7], as PRIVILEGED_NAMES: offset of the middle of the bounding extents; cos and sin of twice the
    long axis' angle, scaled by elongation; extent across the long axis; height of the top above the floor.
    """
    c, s = np.cos(yaw), np.sin(yaw)
    local = (points - tips) @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    # An object knocked out of the bin may fall for ever; half a metre says as much.
    centre = np.clip((local.max(0) + local.min(0)) / 2, -0.5, 0.5)
    flat = local[:, :2] - local[:, :2].mean(0)
    xx, yy, xy = (flat[:, 0] ** 2).mean(), (flat[:, 1] ** 2).mean(), (flat[:, 0] * flat[:, 1]).mean()
    spread = np.hypot(xx - yy, 2 * xy)
    angle = np.arctan2(2 * xy, xx - yy) / 2
    across = flat @ np.array([-np.sin(angle), np.cos(angle)])
    elongation = spread / max(xx + yy, 1e-12)
    return np.array(
        [
            *centre,
            np.cos(2 * angle) * elongation,
            np.sin(2 * angle) * elongation,
            across.max() - across.min(),
            max(points[:, 2].max(), -0.5),
        ],
        dtype=np.float32,
    )
