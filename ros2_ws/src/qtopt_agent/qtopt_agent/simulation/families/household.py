"""What `household` has beyond `train`: things as in kitchens and stores, up to the width that the jaw can close on."""

from dataclasses import replace

import numpy as np

from qtopt_agent.simulation.parts import Family, Part, polygon, prism, turned, vessel

_LYING = (np.pi / 2, 0.0, 0.0)


def _carton(rng: np.random.Generator, width: float) -> list[Part]:
    """A flat box, never quite square, which must be taken across its short side where it is wide."""
    return [Part("box", (width / 2, rng.uniform(1.15, 1.8) * width / 2, rng.uniform(0.006, 0.020)))]


def _packet(rng: np.random.Generator, width: float) -> list[Part]:
    """A box on its narrow end."""
    return [Part("box", (width / 2, rng.uniform(1.15, 1.5) * width / 2, min(0.065, rng.uniform(0.8, 1.5) * width)))]


def _plate(rng: np.random.Generator, width: float) -> list[Part]:
    return [Part("cylinder", (width / 2, rng.uniform(0.005, 0.009)))]


def _can(rng: np.random.Generator, width: float) -> list[Part]:
    can = [Part("cylinder", (width / 2, rng.uniform(0.025, 0.060)))]
    return turned(can, _LYING) if rng.random() < 0.4 else can


def _bottle(rng: np.random.Generator, width: float) -> list[Part]:
    radius, half, neck, shoulder = width / 2, rng.uniform(0.028, 0.042), rng.uniform(0.010, 0.018), 0.015
    slim = rng.uniform(0.35, 0.55)
    bottle = [
        Part("cylinder", (radius, half)),
        replace(prism(12, radius, slim, shoulder), position=(0, 0, half + shoulder / 2)),
        Part("cylinder", (slim * radius, neck), (0, 0, half + shoulder + neck)),
    ]
    return turned(bottle, _LYING) if rng.random() < 0.5 else bottle


def _cup(rng: np.random.Generator, width: float) -> list[Part]:
    """Straight or wider at the brim; on its foot, or upside down."""
    top = rng.uniform(1.0, 1.3)
    cup = vessel(polygon(8, width / top), top, rng.uniform(0.045, 0.09), 0.004)
    return turned(cup, (np.pi, 0.0, 0.0)) if rng.random() < 0.3 else cup


def _bowl(rng: np.random.Generator, width: float) -> list[Part]:
    top = rng.uniform(1.5, 2.0)
    return vessel(polygon(8, width / top), top, rng.uniform(0.020, 0.035), 0.004)


def _stick(rng: np.random.Generator, width: float) -> list[Part]:
    """A pen, a spoon's handle, a chopstick: hardly wider than a finger's pad is thick."""
    half, kind = rng.uniform(0.040, 0.075), str(rng.choice(["box", "cylinder", "capsule"]))
    if kind == "box":
        return [Part("box", (width / 2, half, rng.uniform(0.7, 1.3) * width / 2))]
    return [Part(kind, (width / 2, half), euler=_LYING)]


def _ball(rng: np.random.Generator, width: float) -> list[Part]:
    return [Part("sphere", (width / 2,))]


def _mug(rng: np.random.Generator, width: float) -> list[Part]:
    """A straight cup with a handle on one side."""
    height = rng.uniform(0.055, 0.085)
    reach, thin, half = rng.uniform(0.010, 0.015), 0.004, rng.uniform(0.25, 0.35) * height
    arms = [Part("box", (thin, reach, thin), (0, width / 2 + reach - thin, side * half)) for side in (-1, 1)]
    back = Part("box", (thin, thin, half + thin), (0, width / 2 + 2 * reach - thin, 0))
    return [*vessel(polygon(8, width), 1.0, height, 0.004), *arms, back]


def _pan(rng: np.random.Generator, width: float) -> list[Part]:
    """A low vessel with a long handle at its rim."""
    height, half, thin = rng.uniform(0.018, 0.028), rng.uniform(0.025, 0.040), rng.uniform(0.004, 0.006)
    place = (0, width / 2 + half - 0.003, height / 2 - thin)
    return [*vessel(polygon(8, width), 1.0, height, 0.004), Part("box", (rng.uniform(0.006, 0.010), half, thin), place)]


def _assembly(rng: np.random.Generator, width: float) -> list[Part]:
    """Two to four blocks and discs beside or on top of one another, at angles that are never right."""
    parts: list[Part] = []
    angle = 0.0
    for _ in range(int(rng.integers(2, 5))):
        across, along, half = width / 2 * rng.uniform(0.5, 1.0), rng.uniform(0.012, 0.030), rng.uniform(0.008, 0.018)
        block = rng.random() < 0.7
        kind, size = ("box", (across, along, half)) if block else ("cylinder", (across, half))
        place = (0.0, 0.0, 0.0)
        if parts:
            below = parts[int(rng.integers(len(parts)))]
            x, y = rng.uniform(-1, 1, 2) * (min(below.size[:2]), max(below.size[:2]))
            up = below.size[-1] + 0.7 * half if rng.random() < 0.3 else half - below.size[-1]
            place = (below.position[0] + x, below.position[1] + y, below.position[2] + up)
            angle += np.radians(rng.uniform(25, 65)) * rng.choice([-1, 1])
        parts.append(Part(kind, size, place, (0, 0, angle if block else 0.0)))
    middle = np.mean([part.position for part in parts], 0)
    return [replace(part, position=tuple(np.array(part.position) - middle)) for part in parts]


def _rack(rng: np.random.Generator, width: float) -> list[Part]:
    """A bar with two or three others on one side of it: about as large as a jaw opens, and to be taken by a bar."""
    height, thickness, half = rng.uniform(0.007, 0.022), width / 4, rng.uniform(0.032, 0.054)
    parts = [Part("box", (half, thickness * rng.uniform(0.8, 1.0), height))]
    for place in np.linspace(-1, 1, int(rng.integers(2, 4))) * rng.uniform(0.75, 0.95):
        angle, length = np.radians(rng.uniform(55, 125)), rng.uniform(0.018, 0.040)
        middle = (place * half + length * np.cos(angle), length * np.sin(angle), 0.0)
        parts.append(Part("box", (length, thickness * rng.uniform(0.7, 1.0), height), middle, (0, 0, angle)))
    return parts


def _rails(rng: np.random.Generator, width: float) -> list[Part]:
    """Two bars side by side and one across between them: about as large as a jaw opens, each way."""
    height, thickness, apart = rng.uniform(0.007, 0.022), width / 4, rng.uniform(0.024, 0.040)
    rails = [Part("box", (rng.uniform(0.028, 0.045), thickness, height), (0, side * apart, 0)) for side in (-1, 1)]
    between = Part("box", (thickness * rng.uniform(0.6, 1.0), apart, height), (rng.uniform(-0.02, 0.02), 0, 0))
    return [*rails, replace(between, euler=(0, 0, np.radians(rng.uniform(-25, 25))))]


FAMILIES = {
    "assembly": Family(_assembly, (0.022, 0.050)),
    "rack": Family(_rack, (0.018, 0.056)),
    "rails": Family(_rails, (0.018, 0.056)),
    "carton": Family(_carton, (0.035, 0.070)),
    "packet": Family(_packet, (0.025, 0.050)),
    "plate": Family(_plate, (0.045, 0.070)),
    "can": Family(_can, (0.030, 0.066)),
    "bottle": Family(_bottle, (0.030, 0.066)),
    "cup": Family(_cup, (0.040, 0.066)),
    "bowl": Family(_bowl, (0.048, 0.066)),
    "stick": Family(_stick, (0.008, 0.016)),
    "ball": Family(_ball, (0.030, 0.068)),
    "mug": Family(_mug, (0.040, 0.060)),
    "pan": Family(_pan, (0.045, 0.066)),
}
