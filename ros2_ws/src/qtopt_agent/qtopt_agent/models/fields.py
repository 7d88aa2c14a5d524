"""The fields of a JSON object from outside: each is asked for with what it may be, and none may be left over."""

import re
from typing import Any

from qtopt_agent.core.errors import InvalidInput


class Fields:
    """Every method raises InvalidInput, naming the field, its value and what was expected.

    path: where this object is in the document, with a dot at its end; empty for the whole.
    """

    def __init__(self, value: Any, path: str = "") -> None:
        if not isinstance(value, dict):
            raise InvalidInput(f"{path.rstrip('.') or 'the document'} is {_short(value)}, expected an object")
        self._value: dict[str, Any] = value
        self._path = path
        self._asked: set[str] = set()

    def text(self, name: str, pattern: str = r"[^\x00-\x1f\x7f-\x9f]{0,1000}", expected: str = "plain text") -> str:
        """Text that all of `pattern` matches; by default without control characters."""
        value: str = self._get(name, str, expected)
        if not re.fullmatch(pattern, value):
            raise self.misfit(name, expected)
        return value

    def flag(self, name: str) -> bool:
        """A truth value."""
        value: bool = self._get(name, bool, "true or false")
        return value

    def whole(self, name: str, low: int, high: int) -> int:
        """A whole number from `low` to `high`."""
        expected = f"a whole number from {low} to {high}"
        value: int = self._get(name, int, expected)
        if isinstance(value, bool) or not low <= value <= high:
            raise self.misfit(name, expected)
        return value

    def number(self, name: str, low: float, high: float) -> float:
        """A number from `low` to `high`."""
        expected = f"a number from {low:g} to {high:g}"
        return self._number(name, self._get(name, object, expected), low, high, expected)

    def numbers(self, name: str, low: float, high: float, most: int) -> list[float]:
        """A list of at most `most` numbers from `low` to `high`."""
        expected = f"at most {most} numbers from {low:g} to {high:g}"
        values: list[Any] = self._get(name, list, expected)
        if len(values) > most:
            raise self.misfit(name, expected)
        return [self._number(name, value, low, high, expected) for value in values]

    def equal(self, name: str, wanted: Any, whose: str) -> None:
        """The value that `whose` has."""
        if self._get(name, object, repr(wanted)) != wanted:
            raise InvalidInput(f"{self._path}{name} is {_short(self._value[name])}, {whose} has {wanted!r}")

    def any_object(self, name: str) -> dict[str, Any]:
        """An object with any fields."""
        value: dict[str, Any] = self._get(name, dict, "an object")
        return value

    def object(self, name: str) -> "Fields":
        """An object whose fields are asked for in turn."""
        return Fields(self.any_object(name), f"{self._path}{name}.")

    def objects(self, name: str, most: int) -> "list[Fields]":
        """A list of at most `most` such objects."""
        expected = f"a list of at most {most} objects"
        values: list[Any] = self._get(name, list, expected)
        if len(values) > most:
            raise self.misfit(name, expected)
        return [Fields(value, f"{self._path}{name}[{i}].") for i, value in enumerate(values)]

    def misfit(self, name: str, expected: str) -> InvalidInput:
        """The error that field `name` is not what was `expected`."""
        found = f"is {_short(self._value[name])}" if name in self._value else "is missing"
        return InvalidInput(f"{self._path}{name} {found}, expected {expected}")

    def no_others(self) -> None:
        """There are no fields but those asked for."""
        if others := sorted(self._value.keys() - self._asked):
            raise InvalidInput(f"{self._path}{_short(others[0])} is unknown, expected {', '.join(sorted(self._asked))}")

    def _get(self, name: str, kind: type, expected: str) -> Any:
        self._asked.add(name)
        if name not in self._value or not isinstance(self._value[name], kind):
            raise self.misfit(name, expected)
        return self._value[name]

    def _number(self, name: str, value: Any, low: float, high: float, expected: str) -> float:
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not low <= value <= high:
            raise self.misfit(name, expected)
        return float(value)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:97]}..."
