"""JSON as RFC 8259 has it, and in it no key twice, no endless nesting and no number that means infinity."""

import json
from pathlib import Path
from typing import Any

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.documents.text_file import read_text
from qtopt_agent.documents.values import MAX_DEPTH, MAX_DIGITS, MAX_NODES, integer, plain, real


def read_json(file: Path) -> Any:
    """The value in `file`."""
    return parse_json(read_text(file), str(file))


def parse_json(text: str, name: str) -> Any:
    """The value that `text` is; `name` is what errors call it."""
    try:
        value = json.loads(
            text, object_pairs_hook=_mapping, parse_int=integer, parse_float=real, parse_constant=_constant
        )
        _check(value)
    except json.JSONDecodeError as error:
        raise InvalidInput(f"{name}, line {error.lineno}: not JSON: {error.msg}") from error
    except InvalidInput as error:
        raise InvalidInput(f"{name}: {error}") from error
    except RecursionError as error:
        raise InvalidInput(f"{name}: {_TOO_DEEP}") from error
    return value


_TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise InvalidInput(f"key {key[:MAX_DIGITS]!r} is there twice, expected once")
        found[key] = value
    return found


def _constant(text: str) -> Any:
    raise InvalidInput(f"number {text}, expected a finite one")


def _check(value: Any) -> None:
    """Raises InvalidInput on values too deep or too many, and on text that cannot be written down again."""
    level, nodes = [value], 1
    for _ in range(MAX_DEPTH):
        for text in level:
            if isinstance(text, str):
                plain(text)
        inside = [list(each) + list(each.values()) if isinstance(each, dict) else each for each in level]
        level = [part for each in inside if isinstance(each, list) for part in each]
        nodes += len(level)
        if nodes > MAX_NODES:
            raise InvalidInput(f"more than {MAX_NODES} values, expected fewer")
        if not level:
            return
    raise InvalidInput(_TOO_DEEP)
