"""A node's parameter: what it means and may be, and a value held to it."""

import os
from dataclasses import dataclass, replace
from typing import Any

from qtopt_agent.core.errors import InvalidInput


@dataclass(frozen=True)
class Parameter:
    """One parameter of a node: all are read at start. low, high: range of a number, or of each in a list.

    path: a file or folder, in which ~ stands for the home folder.
    """

    name: str
    default: Any
    description: str
    low: float | None = None
    high: float | None = None
    path: bool = False


def checked(parameter: Parameter, value: Any) -> Any:
    """`value`, if it has the type of the default and is in range; whole numbers may stand for floats, ~ for the home.

    Raises InvalidInput.
    """
    default, low, high = parameter.default, parameter.low, parameter.high
    if isinstance(default, list):
        values = list(value) if isinstance(value, (list, tuple)) else [value]
        return [checked(replace(parameter, default=default[0]), each) for each in values]
    if isinstance(default, float) and type(value) is int:
        value = float(value)
    if type(value) is not type(default):
        raise InvalidInput(f"{parameter.name} is {value!r}, expected a {type(default).__name__}")
    if low is not None and high is not None and not low <= value <= high:
        raise InvalidInput(f"{parameter.name} is {value}, expected {low} to {high}")
    return os.path.expanduser(value) if parameter.path else value
