"""Mass, centre of mass and inertia of an object of uniform density, as Gazebo wants to be told them."""

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.gazebo.hull import convex_hull
from qtopt_agent.simulation.objects import ObjectSpec
from qtopt_agent.simulation.parts import Part, rotation

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
    for one, here, (_, _, own) in zip(masses, centres, found, strict=True):
        arm = here - centre
        inertia += spec.density * own + one * (arm @ arm * np.eye(3) - np.outer(arm, arm))
    return mass, centre, inertia


def _of_part(part: Part) -> tuple[float, Array, Array]:
    """Volume, its centre and its inertia at density 1 about that centre, in the object's frame."""
    if part.vertices is not None:
        hull = convex_hull(part.vertices)
        volume, centre, inertia = float(hull.volume), hull.center_mass, hull.moment_inertia
    else:
        (volume, inertia), centre = _of_primitive(part), np.zeros(3)
    turn = rotation(part.euler)
    return volume, turn @ centre + part.position, turn @ inertia @ turn.T


def _of_primitive(part: Part) -> tuple[float, Array]:
    """Volume, and inertia at density 1 about its middle; part.size as in MuJoCo."""
    if part.kind in ("box", "sphere", "ellipsoid"):
        half = np.broadcast_to(np.array(part.size), 3)
        volume, share = (8.0, 1 / 3) if part.kind == "box" else (4 / 3 * np.pi, 1 / 5)
        volume *= float(np.prod(half))
        squares = volume * share * half**2  # the integrals of x^2, y^2 and z^2
    else:
        radius, half_length = part.size
        volume = 2 * np.pi * radius**2 * half_length
        across, along = volume * radius**2 / 4, volume * half_length**2 / 3
        if part.kind == "capsule":
            ball = 4 / 3 * np.pi * radius**3
            across += ball * radius**2 / 5
            along += ball * (radius**2 / 5 + half_length**2 + 3 / 4 * half_length * radius)
            volume += ball
        squares = np.array([across, across, along])
    return volume, np.diag(squares.sum() - squares)
