"""Rotations as unit quaternions x, y, z, w, as matrices whose columns are the turned axes, and angles."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def wrapped(angle: float) -> float:
    """`angle`, rad, in -pi..pi."""
    return float((angle + np.pi) % (2 * np.pi) - np.pi)


def matrix_of(quaternion: Sequence[float]) -> NDArray[np.float64]:
    """[3, 3]; `quaternion` is x, y, z, w of any length but 0."""
    x, y, z, w = np.array(quaternion) / np.linalg.norm(quaternion)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def quaternion_of(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """x, y, z, w, of length 1, w not below 0, of a rotation [3, 3]."""
    # Four times the outer product of the quaternion with itself; its longest row is the most exact.
    m, trace = matrix, np.trace(matrix)
    products = np.array(
        [
            [1 + 2 * m[0, 0] - trace, m[1, 0] + m[0, 1], m[2, 0] + m[0, 2], m[2, 1] - m[1, 2]],
            [m[1, 0] + m[0, 1], 1 + 2 * m[1, 1] - trace, m[2, 1] + m[1, 2], m[0, 2] - m[2, 0]],
            [m[2, 0] + m[0, 2], m[2, 1] + m[1, 2], 1 + 2 * m[2, 2] - trace, m[1, 0] - m[0, 1]],
            [m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1], 1 + trace],
        ]
    )
    longest = products[products.diagonal().argmax()]
    return longest / np.linalg.norm(longest) * (-1.0 if longest[3] < 0 else 1.0)
