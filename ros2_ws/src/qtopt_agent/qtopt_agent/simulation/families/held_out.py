"""What `held-out` draws from: compact-1 was measured on it. For later models it is known ground."""

import numpy as np

from qtopt_agent.simulation.parts import Family, Part, prism


def _ell(rng: np.random.Generator, width: float) -> list[Part]:
    w, h, a, b = width / 2, rng.uniform(0.010, 0.025), rng.uniform(0.025, 0.045), rng.uniform(0.02, 0.04)
    return [Part("box", (w, a, h)), Part("box", (b, w, h), (b - w, a - w, 0))]


def _cross(rng: np.random.Generator, width: float) -> list[Part]:
    w, h = width / 2, rng.uniform(0.010, 0.025)
    return [Part("box", (w, rng.uniform(0.025, 0.045), h)), Part("box", (rng.uniform(0.025, 0.045), w, h))]


def _frustum(rng: np.random.Generator, width: float) -> list[Part]:
    return [prism(16, width / 2, rng.uniform(0.45, 0.8), rng.uniform(0.03, 0.06))]


def _wedge(rng: np.random.Generator, width: float) -> list[Part]:
    y, h = rng.uniform(0.02, 0.045), rng.uniform(0.025, 0.045)
    x = width / 2
    corners = [(-x, 0), (x, 0), (-x, h)]
    return [Part("mesh", vertices=np.array([(a, s * y, b - h / 3) for a, b in corners for s in (-1, 1)]))]


def _arch(rng: np.random.Generator, width: float) -> list[Part]:
    h, span, leg = rng.uniform(0.008, 0.02), rng.uniform(0.02, 0.03), rng.uniform(0.015, 0.03)
    legs = [Part("box", (width / 4, leg, h), (s * (span + width / 4), -leg, 0)) for s in (-1, 1)]
    return [Part("box", (span + width / 2, width / 4, h), (0, width / 4, 0)), *legs]


WIDTHS = (0.018, 0.056)  # m: thinner and thicker than any in training
FAMILIES = {
    "ell": Family(_ell, WIDTHS),
    "cross": Family(_cross, WIDTHS),
    "frustum": Family(_frustum, WIDTHS),
    "wedge": Family(_wedge, WIDTHS),
    "arch": Family(_arch, WIDTHS),
}
