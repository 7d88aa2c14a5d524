"""The single values of a document: numbers that can be calculated with, text that can be written down again."""

import math

from qtopt_agent.core.errors import InvalidInput

MAX_DEPTH = 50
MAX_NODES = 20_000  # values, containers included
MAX_DIGITS = 100  # a float holds any such integer


def integer(text: str) -> int:
    """The integer in decimal, or hexadecimal after 0x."""
    if len(text) > MAX_DIGITS:
        raise InvalidInput(f"an integer of {len(text)} digits, expected at most {MAX_DIGITS}")
    return int(text, 0)


def real(text: str) -> float:
    """The float that `text` is in Python."""
    number = float(text)
    if math.isinf(number):
        raise InvalidInput(f"number {text[:MAX_DIGITS]}, expected one below 1.8e308")
    return number


def plain(text: str) -> str:
    """`text`, unless there is a NUL or half a character in it."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidInput(f"text {text[:MAX_DIGITS]!r}, expected no NUL and no surrogates")
    return text
