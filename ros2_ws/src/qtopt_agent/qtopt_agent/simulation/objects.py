"""Objects to grasp: a generator of shape families, split into what is trained on, chosen by and measured on."""

from dataclasses import dataclass, field

import numpy as np

from qtopt_agent.core.cell import EMBEDDED, Cell
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.simulation.families import (
    flat_boxes,
    held_out,
    household,
    household_validation,
    test,
    training,
    validation,
)
from qtopt_agent.simulation.parts import Array, Family, Part, scaled, surface_points

FAMILIES: dict[str, dict[str, Family]] = {
    "train": training.FAMILIES,
    "validation": validation.FAMILIES,
    "held-out": held_out.FAMILIES,
    "household": training.FAMILIES | household.FAMILIES,
    "household-validation": household_validation.FAMILIES,
    "flat-boxes": flat_boxes.FAMILIES,
    "test": test.FAMILIES,
}
"""What each split draws from, each family as often as another."""

SPLITS = f"{', '.join(list(FAMILIES)[:-1])} or {list(FAMILIES)[-1]}"
"""Their names in words."""

FLAT_AND_TALL = ("household", "household-validation", "flat-boxes", "test")
"""Splits with things that must be reached for lower, and lifted higher, than compact-1 was trained on."""

_BELOW_START = 0.02  # m between the tallest object and the lowest place where the finger tips start, at least
_OF_BIN = 0.7  # of the bin's shorter side: the longest object


@dataclass(frozen=True)
class ObjectSpec:
    """A rigid object: its parts in m, its density in kg/m^3 and a name for records."""

    name: str
    parts: tuple[Part, ...]
    density: float = 400.0
    outline: Array = field(default_factory=lambda: np.zeros((0, 3)))  # [N, 3] surface points, m


def sample_object(split: str, rng: np.random.Generator, cell: Cell = EMBEDDED) -> ObjectSpec:
    """A random object of `split`, a key of FAMILIES, of a size for the cell. Raises InvalidInput on any other split."""
    if split not in FAMILIES:
        raise InvalidInput(f"unknown object split {split!r}, expected one of {', '.join(FAMILIES)}")
    name = str(rng.choice(list(FAMILIES[split])))
    family = FAMILIES[split][name]
    parts = family.shape(rng, rng.uniform(*family.widths))
    density = rng.uniform(200, 600)
    factor = _factor(np.ptp(surface_points(parts), axis=0), rng, cell)
    parts = scaled(parts, factor)
    # A larger jaw is stronger, but not by the cube of its size.
    return ObjectSpec(name, tuple(parts), density / factor, surface_points(parts))


def _factor(extent: Array, rng: np.random.Generator, cell: Cell) -> float:
    """How much larger than in the embedded cell an object of `extent` [3], m, is: 1 there.

    At most as much as the jaw is, and so that the hand can start above it and the bin holds it.
    """
    jaw = cell.jaw.aperture / EMBEDDED.jaw.aperture
    tallest, longest = cell.attempt.start_height[0] - _BELOW_START, _OF_BIN * min(cell.bin.size)
    wanted = rng.uniform(1, jaw) if jaw > 1 else jaw
    return float(min(wanted, tallest / extent[2], longest / extent[:2].max()))
