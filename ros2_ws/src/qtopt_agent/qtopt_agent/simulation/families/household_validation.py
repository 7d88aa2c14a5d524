"""What `household-validation` draws from: other things of kitchens and stores, to choose settings by."""

import numpy as np

from qtopt_agent.simulation.parts import Family, Part, polygon, vessel


def _tin(rng: np.random.Generator, width: float) -> list[Part]:
    """An oval tin, lying flat."""
    ring = polygon(16, width) * (1.0, rng.uniform(1.15, 1.6))
    height = np.full(len(ring), rng.uniform(0.008, 0.022))
    return [Part("mesh", vertices=np.concatenate([np.column_stack([ring, z]) for z in (-height, height)]))]


def _jar(rng: np.random.Generator, width: float) -> list[Part]:
    """A square jar with a round lid, standing."""
    half, lid = rng.uniform(0.025, 0.045), rng.uniform(0.007, 0.012)
    body = Part("box", (width / 2, rng.uniform(1.1, 1.25) * width / 2, half))
    return [body, Part("cylinder", (rng.uniform(0.7, 0.95) * width / 2, lid), (0, 0, half + lid))]


def _tub(rng: np.random.Generator, width: float) -> list[Part]:
    """A six-sided yoghurt tub, wider at the brim."""
    top = rng.uniform(1.1, 1.4)
    return vessel(polygon(6, width / top), top, rng.uniform(0.040, 0.070), 0.005)


def _spoon(rng: np.random.Generator, width: float) -> list[Part]:
    length, half, thin = rng.uniform(1.2, 1.5) * width / 2, rng.uniform(0.035, 0.050), 0.004
    bowl = Part("ellipsoid", (width / 2, length, rng.uniform(0.006, 0.009)))
    return [bowl, Part("box", (rng.uniform(0.004, 0.007), half, thin), (0, length + half - 0.006, 0))]


def _brush(rng: np.random.Generator, width: float) -> list[Part]:
    """A block of bristles and a round handle."""
    depth, high, half = rng.uniform(0.010, 0.018), rng.uniform(0.012, 0.020), rng.uniform(0.035, 0.050)
    radius = rng.uniform(0.006, 0.010)
    handle = Part("cylinder", (radius, half), (0, depth + half - 0.004, 0), (np.pi / 2, 0, 0))
    return [Part("box", (width / 2, depth, high)), handle]


def _tray(rng: np.random.Generator, width: float) -> list[Part]:
    """An open box with straight walls, longer than wide."""
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * (width / 2, rng.uniform(1.2, 1.6) * width / 2)
    return vessel(corners, 1.0, rng.uniform(0.015, 0.030), 0.005)


def _egg(rng: np.random.Generator, width: float) -> list[Part]:
    return [Part("ellipsoid", (width / 2, rng.uniform(1.15, 1.4) * width / 2, rng.uniform(0.85, 1.0) * width / 2))]


FAMILIES = {
    "tin": Family(_tin, (0.040, 0.068)),
    "jar": Family(_jar, (0.030, 0.062)),
    "tub": Family(_tub, (0.040, 0.064)),
    "spoon": Family(_spoon, (0.020, 0.036)),
    "brush": Family(_brush, (0.026, 0.056)),
    "tray": Family(_tray, (0.045, 0.068)),
    "egg": Family(_egg, (0.035, 0.066)),
}
