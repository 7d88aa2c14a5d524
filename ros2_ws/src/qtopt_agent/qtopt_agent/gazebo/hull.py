"""Convex hulls: what Gazebo is told of a mesh's parts."""

import numpy as np
import trimesh
from numpy.typing import NDArray

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.simulation.parts import is_flat


def convex_hull(points: NDArray[np.float64]) -> trimesh.Trimesh:
    """The closed surface around `points` [N, 3], faces outwards. Raises InvalidInput if they lie in a plane."""
    if is_flat(points):  # for these, too, trimesh would find a hull
        raise InvalidInput(f"{len(points)} points lie in a plane, expected a solid")
    return trimesh.convex.convex_hull(points)
