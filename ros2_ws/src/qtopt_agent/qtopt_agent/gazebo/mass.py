"""Mass, centre of mass and inertia of an object of uniform density, as Gazebo wants to be told them."""

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.gazebo.hull import hull_triangles
from qtopt_agent.simulation.objects import ObjectSpec, Part, rotation

Array = NDArray[np.float64]


def mass_properties(spec: ObjectSpec) -> tuple[float, Array, Array]:
    """Mass in kg, its centre [3] in m, and inertia [3, 3] about the centre in kg m^2, along the object's axes.

    Where parts overlap, each counts, as in MuJoCo.
    """
    found = [_of_part(part) for part in spec.parts]
    masses = spec.density * np.array([volume for volume, _, _ in found])
    centres = np.array([centre for _, centre, _ in found])
    mass, centre = float(masses.sum()), masses @ centres / masses.sum()
    inertia = np.zeros((3, 3))
    for one, here, (_, _, spread) in zip(masses, centres, found, strict=True):
        arm = here - centre
        inertia += spec.density * spread + one * (arm @ arm * np.eye(3) - np.outer(arm, arm))
    return mass, centre, inertia


def _of_part(part: Part) -> tuple[float, Array, Array]:
    """Volume, its centre and its inertia at density 1 about that centre, in the object's frame."""
    volume, centre, second = _of_mesh(part.vertices) if part.vertices is not None else _of_primitive(part)
    turn = rotation(part.euler)
    second = turn @ second @ turn.T
    return volume, turn @ centre + part.position, np.trace(second) * np.eye(3) - second


def _of_primitive(part: Part) -> tuple[float, Array, Array]:
    """Volume, centre, and the integral of x x^T about it; part.size as in MuJoCo."""
    if part.kind in ("box", "sphere", "ellipsoid"):
        half = np.broadcast_to(np.array(part.size), 3)
        volume, share = (8.0, 1 / 3) if part.kind == "box" else (4 / 3 * np.pi, 1 / 5)
        volume *= float(np.prod(half))
        return volume, np.zeros(3), np.diag(volume * share * half**2)
    radius, half_length = part.size
    tube = 2 * np.pi * radius**2 * half_length
    across, along = tube * radius**2 / 4, tube * half_length**2 / 3
    if part.kind == "capsule":
        ball = 4 / 3 * np.pi * radius**3
        across += ball * radius**2 / 5
        along += ball * (radius**2 / 5 + half_length**2 + 3 / 4 * half_length * radius)
        tube += ball
    return tube, np.zeros(3), np.diag([across, across, along])


def _of_mesh(vertices: Array) -> tuple[float, Array, Array]:
    """The same of a convex hull, summed over the tetrahedra from the origin to each of its triangles."""
    triangles = hull_triangles(vertices)
    volumes = np.linalg.det(triangles) / 6
    volume, sums = volumes.sum(), triangles.sum(1)
    centre = volumes @ sums / 4 / volume
    second = np.einsum("t,tki,tkj->ij", volumes, triangles, triangles) + np.einsum("t,ti,tj->ij", volumes, sums, sums)
    return float(volume), centre, second / 20 - volume * np.outer(centre, centre)
