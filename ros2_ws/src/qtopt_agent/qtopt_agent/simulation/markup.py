"""How MuJoCo's and Gazebo's descriptions of a world write numbers."""

import numpy as np


def numbers(values: object) -> str:
    """An array's numbers, of any shape, in a row and to six digits."""
    return " ".join(f"{value:.6g}" for value in np.ravel(np.asarray(values, dtype=float)))
