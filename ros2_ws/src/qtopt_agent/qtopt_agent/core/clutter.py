"""How many objects lie in the bin: the fewest and the most."""

import re
from typing import Annotated, Any

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.ranges import Range, converted

MOST = 6  # more do not lie side by side
Clutter = tuple[Annotated[int, Range(1, MOST)], Annotated[int, Range(1, MOST)]]


def check_clutter(clutter: Any, name: str = "clutter") -> tuple[int, int]:
    """`clutter` as (fewest, most). Raises InvalidInput, with `name` and value, unless 1 <= fewest <= most <= 6."""
    fewest, most = converted(name, clutter, Clutter)
    if fewest > most:
        raise InvalidInput(f"{name} is {clutter!r}, expected the fewest first, then the most")
    return fewest, most


def parse_clutter(text: str) -> tuple[int, int]:
    """(fewest, most) of "3" or "1-5". Raises InvalidInput."""
    match = re.fullmatch(r"([0-9]{1,9})(?:-([0-9]{1,9}))?", text)
    fewest, most = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not 1 <= fewest <= most <= MOST:
        raise InvalidInput(f"clutter is {text!r}, expected a number of objects from 1 to {MOST}, or two as in 1-5")
    return fewest, most
