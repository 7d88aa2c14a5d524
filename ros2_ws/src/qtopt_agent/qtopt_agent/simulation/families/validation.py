"""What `validation` draws from, to choose settings by."""

import numpy as np

from qtopt_agent.simulation.parts import Family, Part, prism


def _hexagon(rng: np.random.Generator, width: float) -> list[Part]:
    return [prism(6, width / np.sqrt(3), 1.0, rng.uniform(0.025, 0.06))]


def _dumbbell(rng: np.random.Generator, width: float) -> list[Part]:
    half = rng.uniform(0.022, 0.04)
    rod = Part("cylinder", (0.3 * width, half), euler=(np.pi / 2, 0, 0))
    return [rod, Part("sphere", (width / 2,), (0, half, 0)), Part("sphere", (width / 2,), (0, -half, 0))]


def _zed(rng: np.random.Generator, width: float) -> list[Part]:
    w, h, arm, bar = width / 2, rng.uniform(0.010, 0.025), rng.uniform(0.016, 0.026), rng.uniform(0.018, 0.032)
    ends = [Part("box", (arm, w, h), (s * (arm - w), s * bar, 0)) for s in (-1, 1)]
    return [Part("box", (w, bar, h)), *ends]


def _fork(rng: np.random.Generator, width: float) -> list[Part]:
    h, half, prong = rng.uniform(0.008, 0.02), rng.uniform(0.035, 0.045), rng.uniform(0.015, 0.025)
    w = width / 4
    prongs = [Part("box", (w / 2, prong, h), (x, -prong, 0)) for x in (w / 2 - half, 0, half - w / 2)]
    return [Part("box", (half, w, h), (0, w, 0)), *prongs]


def _house(rng: np.random.Generator, width: float) -> list[Part]:
    x, y, wall, roof = width / 2, rng.uniform(0.015, 0.04), rng.uniform(0.008, 0.02), rng.uniform(0.01, 0.025)
    profile = [(-x, -wall), (x, -wall), (-x, wall), (x, wall), (0.3 * x, wall + roof)]
    return [Part("mesh", vertices=np.array([(a, side * y, b) for a, b in profile for side in (-1, 1)]))]


def _pyramid(rng: np.random.Generator, width: float) -> list[Part]:
    return [prism(4, width / np.sqrt(2), rng.uniform(0.45, 0.8), rng.uniform(0.03, 0.05))]


WIDTHS = (0.019, 0.054)  # m
FAMILIES = {
    "hexagon": Family(_hexagon, WIDTHS),
    "dumbbell": Family(_dumbbell, WIDTHS),
    "zed": Family(_zed, WIDTHS),
    "fork": Family(_fork, WIDTHS),
    "house": Family(_house, WIDTHS),
    "pyramid": Family(_pyramid, WIDTHS),
}
