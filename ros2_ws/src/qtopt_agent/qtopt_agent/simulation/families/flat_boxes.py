"""What `flat-boxes` draws from: flat, and so wide that a jaw closes on them only with care. Only measured on."""

import numpy as np

from qtopt_agent.simulation.parts import Family, Part


def _flat_box(rng: np.random.Generator, width: float) -> list[Part]:
    return [Part("box", (width / 2, rng.uniform(1.2, 2.0) * width / 2, rng.uniform(0.0075, 0.0125)))]


FAMILIES = {"flat box": Family(_flat_box, (0.040, 0.050))}
