"""Which values a setting may have, written beside it: `Annotated[int, Range(1, 9)]`, `Literal["a", "b"]`.

What it means may stand there, too: `Annotated[int, Range(1, 9), "objects in the bin"]`.
"""

import math
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass
from types import UnionType
from typing import Annotated, Any, Literal, get_args, get_origin

from qtopt_agent.core.errors import InvalidInput


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, without `low` where `above`, without `high` where `below`; NaN is in none."""

    low: float
    high: float
    above: bool = False
    below: bool = False

    def __contains__(self, value: float) -> bool:
        lower = self.low < value if self.above else self.low <= value
        return lower and (value < self.high if self.below else value <= self.high)

    def __str__(self) -> str:
        if self.above:
            return f"above {self.low:,}, at most {self.high:,}"
        return f"from {self.low:,} to {'below ' if self.below else ''}{self.high:,}"


def converted(name: str, value: Any, kind: Any) -> Any:
    """`value` as `kind` says: a class, Annotated with a Range, a Literal, a tuple of these, or one of these or None.

    1e4 and "10_000" may stand for a whole number. Raises InvalidInput naming `name`, its value and what
    was expected.
    """
    try:
        return _converted(value, kind)
    except (TypeError, ValueError, OverflowError) as error:
        shown = repr(value)
        raise InvalidInput(
            f"{name} is {shown if len(shown) <= 100 else shown[:100] + '...'}, expected {expected(kind)}"
        ) from error


def convert_fields(record: Any, whose: str = "") -> None:
    """Make each field of a new dataclass what is written beside it, a list a tuple for instance.

    Fields that are dataclasses themselves stay. Raises InvalidInput as `converted` does, with `whose` before the name.
    """
    for field in fields(record):
        if not is_dataclass(field.type):
            value = converted(f"{whose}{field.name}", getattr(record, field.name), field.type)
            object.__setattr__(record, field.name, value)  # it may be frozen


def _converted(value: Any, kind: Any) -> Any:
    """Raises TypeError, ValueError or OverflowError where `value` is not of `kind`."""
    if isinstance(kind, UnionType):
        return None if value is None else _converted(value, get_args(kind)[0])
    if get_origin(kind) is tuple:
        kinds = get_args(kind)
        if not isinstance(value, (list, tuple)):
            raise TypeError
        if kinds[1:] == (Ellipsis,):
            kinds = kinds[:1] * len(value)
        return tuple(_converted(part, of) for part, of in zip(value, kinds, strict=True))
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise ValueError
        return value
    if get_origin(kind) is Annotated:
        kind, *notes = get_args(kind)
        result = _converted(value, kind)
        if not all(result in allowed for allowed in notes if isinstance(allowed, Range)):
            raise ValueError
        return result
    if kind in (bool, str) or isinstance(value, bool):
        if type(value) is not kind:
            raise TypeError
        return value
    if kind is int and isinstance(value, (int, str)):
        with suppress(ValueError):  # "1e4"
            return int(value)
    number = float(value)
    if not math.isfinite(number) or number != kind(number):
        raise ValueError
    return kind(number)


def expected(kind: Any) -> str:
    """What a value of `kind` may be, in words."""
    if isinstance(kind, UnionType):
        return f"{expected(get_args(kind)[0])}, or nothing"
    if get_origin(kind) is tuple:
        kinds = get_args(kind)
        if kinds[1:] == (Ellipsis,):
            return f"a list, each {expected(kinds[0])}"
        return f"a list of {len(kinds)}, each {expected(kinds[0])}"
    if get_origin(kind) is Literal:
        return " or ".join(get_args(kind))
    if get_origin(kind) is Annotated:
        of, *notes = get_args(kind)
        return " ".join([expected(of), *(str(allowed) for allowed in notes if isinstance(allowed, Range))])
    return _NAMES[kind]


def meaning(kind: Any) -> str:
    """The words beside `kind`, none where there are none."""
    return next((note for note in get_args(kind)[1:] if isinstance(note, str)), "")


_NAMES = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
