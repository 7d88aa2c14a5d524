"""What `train` draws from: shapes with flat, round and slanted sides, and concave ones without right angles."""

from dataclasses import replace

import numpy as np

from qtopt_agent.simulation.parts import Family, Part


def _box(rng: np.random.Generator, width: float) -> list[Part]:
    return [Part("box", (width / 2, rng.uniform(0.5, 1.8) * width / 2 + 0.005, rng.uniform(0.010, 0.030)))]


def _cylinder(rng: np.random.Generator, width: float) -> list[Part]:
    if rng.random() < 0.5:
        return [Part("cylinder", (width / 2, rng.uniform(0.012, 0.035)))]
    return [Part("cylinder", (width / 2, rng.uniform(0.02, 0.05)), euler=(np.pi / 2, 0, 0))]


def _capsule(rng: np.random.Generator, width: float) -> list[Part]:
    return [Part("capsule", (width / 2, rng.uniform(0.01, 0.04)), euler=(np.pi / 2, 0, 0))]


def _ellipsoid(rng: np.random.Generator, width: float) -> list[Part]:
    return [Part("ellipsoid", (width / 2, rng.uniform(1.0, 1.8) * width / 2, rng.uniform(0.013, 0.028)))]


def _tee(rng: np.random.Generator, width: float) -> list[Part]:
    w, h, stem, bar = width / 2, rng.uniform(0.010, 0.022), rng.uniform(0.018, 0.035), rng.uniform(0.025, 0.045)
    return [Part("box", (w, stem, h)), Part("box", (bar, 0.011, h), (0, stem + 0.011, 0))]


def _cluster(rng: np.random.Generator, width: float) -> list[Part]:
    """Two or three overlapping primitives in a row: the training family with the most varied outlines."""
    parts: list[Part] = []
    y = 0.0
    for _ in range(int(rng.integers(2, 4))):
        w = width / 2 * rng.uniform(0.6, 1.0)
        kind = str(rng.choice(["box", "sphere", "cylinder"]))
        # Both heights are drawn whatever the kind, so that the sequence of draws never depends on it.
        box, cylinder = (w, w, rng.uniform(0.010, 0.025)), (w, rng.uniform(0.01, 0.025))
        size = {"box": box, "sphere": (w,), "cylinder": cylinder}[kind]
        y += 0.75 * (parts[-1].size[0] + w) if parts else 0.0
        parts.append(Part(kind, size, (rng.uniform(-0.006, 0.006), y, 0)))
    return [replace(part, position=(part.position[0], part.position[1] - y / 2, 0)) for part in parts]


def _branches(rng: np.random.Generator, width: float) -> list[Part]:
    """A bar with one to three others on it at random, never right, angles: concave outlines."""
    height = rng.uniform(0.010, 0.022)
    half = rng.uniform(0.025, 0.045)
    parts = [Part("box", (half, width / 2 * rng.uniform(0.5, 1.0), height))]
    for _ in range(int(rng.integers(1, 4))):
        angle = np.radians(rng.uniform(25, 65)) * rng.choice([-1, 1])
        length, start = rng.uniform(0.018, 0.035), rng.uniform(-0.8, 0.8) * half
        middle = (start + length * np.cos(angle), length * np.sin(angle), 0.0)
        parts.append(Part("box", (length, width / 2 * rng.uniform(0.5, 1.0), height), middle, (0, 0, angle)))
    return parts


def _zigzag(rng: np.random.Generator, width: float) -> list[Part]:
    """A chain of three bars, each turned against the last by an angle that is never right: hooks, cups and steps."""
    height, thickness = rng.uniform(0.010, 0.022), width / 2 * rng.uniform(0.35, 0.8)
    end, angle, parts = np.zeros(2), 0.0, []
    for _ in range(3):
        half = rng.uniform(0.014, 0.028)
        along = np.array([np.cos(angle), np.sin(angle)])
        middle = end + half * along
        parts.append(
            Part("box", (half + 0.5 * thickness, thickness, height), (middle[0], middle[1], 0.0), (0, 0, angle))
        )
        end = end + 2 * half * along
        angle += np.radians(rng.uniform(30, 60)) * rng.choice([-1, 1])
    centre = np.mean([part.position for part in parts], 0)
    return [replace(part, position=tuple(np.array(part.position) - centre)) for part in parts]


def _polyhedron(rng: np.random.Generator, width: float) -> list[Part]:
    """The hull of random points on an ellipsoid: slanted faces at every angle."""
    points = rng.normal(size=(int(rng.integers(8, 16)), 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    radii = (width / 2, rng.uniform(1.0, 1.9) * width / 2, rng.uniform(0.016, 0.032))
    return [Part("mesh", vertices=points * radii)]


WIDTHS = (0.022, 0.050)  # m
FAMILIES = {
    "box": Family(_box, WIDTHS),
    "cylinder": Family(_cylinder, WIDTHS),
    "capsule": Family(_capsule, WIDTHS),
    "ellipsoid": Family(_ellipsoid, WIDTHS),
    "tee": Family(_tee, WIDTHS),
    "cluster": Family(_cluster, WIDTHS),
    "branches": Family(_branches, WIDTHS),
    "zigzag": Family(_zigzag, WIDTHS),
    "polyhedron": Family(_polyhedron, WIDTHS),
}
