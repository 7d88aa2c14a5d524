"""What `test` draws from: shapes unlike all others, at which nobody looks before a model's one evaluation."""

from dataclasses import replace

import numpy as np

from qtopt_agent.simulation.parts import Family, Part, polygon, prism, turned, vessel, walls


def _ring(rng: np.random.Generator, width: float) -> list[Part]:
    """Lies flat; there is nothing in its middle."""
    return walls(polygon(8, width), 1.0, rng.uniform(0.012, 0.025), rng.uniform(0.007, 0.011))


def _banana(rng: np.random.Generator, width: float) -> list[Part]:
    """A bow, lying on its side, thinner towards its ends."""
    radius, bend = rng.uniform(0.050, 0.080), rng.uniform(0.35, 0.60)
    angle = np.linspace(-bend, bend, 5)
    thick = width / 2 * np.array([0.55, 0.85, 1.0, 0.85, 0.55])
    half = radius * (angle[1] - angle[0]) / 2
    middle = radius * (1 + np.cos(bend)) / 2
    return [
        Part(
            "box",
            (across, half + 0.3 * across, width / 2),
            (radius * np.cos(a) - middle, radius * np.sin(a), 0),
            (0, 0, a),
        )
        for a, across in zip(angle, thick, strict=True)
    ]


def _hourglass(rng: np.random.Generator, width: float) -> list[Part]:
    """Stands, narrowest half way up."""
    height, waist = rng.uniform(0.025, 0.040), rng.uniform(0.4, 0.65)
    lower = prism(12, width / 2, waist, height)
    (upper,) = turned([lower], (np.pi, 0, 0))
    return [replace(lower, position=(0, 0, -height / 2)), replace(upper, position=(0, 0, height / 2))]


def _stool(rng: np.random.Generator, width: float) -> list[Part]:
    """A seat on four legs, with air below."""
    long, seat = rng.uniform(1.1, 1.4) * width / 2, rng.uniform(0.005, 0.009)
    leg, thin = rng.uniform(0.012, 0.025), rng.uniform(0.004, 0.006)
    place = [(x * (width / 2 - thin), y * (long - thin), -seat - leg) for x in (-1, 1) for y in (-1, 1)]
    return [Part("box", (width / 2, long, seat)), *(Part("box", (thin, thin, leg), at) for at in place)]


def _star(rng: np.random.Generator, width: float) -> list[Part]:
    """Five points around a middle, lying flat."""
    height, inner = rng.uniform(0.009, 0.018), rng.uniform(0.40, 0.55)
    outer = width / 2
    parts = []
    for k in range(5):
        angle = 2 * np.pi / 5 * (k + np.array([0.0, 0.5, -0.5]))
        reach = outer * np.array([1.0, inner, inner])
        flat = np.vstack([np.column_stack([reach * np.cos(angle), reach * np.sin(angle)]), np.zeros(2)])
        parts.append(
            Part("mesh", vertices=np.concatenate([np.column_stack([flat, np.full(4, z)]) for z in (-height, height)]))
        )
    return parts


def _basket(rng: np.random.Generator, width: float) -> list[Part]:
    """An open box with a bow over it, from side to side along its length."""
    long, height, thin = rng.uniform(1.2, 1.5) * width / 2, rng.uniform(0.020, 0.030), 0.004
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * (width / 2, long)
    rise = rng.uniform(0.012, 0.020)
    posts = [Part("box", (0.006, thin, rise), (0, s * (long - thin), height / 2 + rise)) for s in (-1, 1)]
    bow = Part("box", (0.006, long, thin), (0, 0, height / 2 + 2 * rise + thin))
    return [*vessel(corners, 1.0, height, 0.005), *posts, bow]


def _stairs(rng: np.random.Generator, width: float) -> list[Part]:
    """Three steps, the highest at one end."""
    deep, rise = rng.uniform(0.010, 0.016), rng.uniform(0.009, 0.014)
    return [
        Part("box", (width / 2, deep, rise * (k + 1) / 2), (0, 2 * deep * (k - 1), rise * (k - 2) / 2))
        for k in range(3)
    ]


def _jack(rng: np.random.Generator, width: float) -> list[Part]:
    """Three square rods through one another at right angles, on three of their ends."""
    thin = rng.uniform(0.005, 0.008)
    rods = [Part("box", tuple(np.where(np.arange(3) == axis, width / 2, thin))) for axis in range(3)]
    # The diagonal of their cube comes to stand upright.
    return turned(turned(rods, (0.0, 0.0, np.pi / 4)), (0.0, -np.arctan(np.sqrt(2)), 0.0))


FAMILIES = {
    "ring": Family(_ring, (0.045, 0.068)),
    "banana": Family(_banana, (0.018, 0.034)),
    "hourglass": Family(_hourglass, (0.036, 0.062)),
    "stool": Family(_stool, (0.036, 0.064)),
    "star": Family(_star, (0.045, 0.070)),
    "basket": Family(_basket, (0.040, 0.064)),
    "stairs": Family(_stairs, (0.026, 0.056)),
    "jack": Family(_jack, (0.040, 0.060)),
}
