"""YAML of plain values: as ROS 2 reads it, 1e-3 is a number; a date stays text; every value is written out once."""

import re
from pathlib import Path
from typing import Any

import yaml

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.documents.text_file import read_text
from qtopt_agent.documents.values import MAX_DEPTH, MAX_NODES, integer, plain, real

_QUOTED = 300  # characters of an error's text, which may quote what it is about
_TAG = "tag:yaml.org,2002:"
_SCALARS = {  # what a scalar without quotes is taken for; anything else is text
    "null": r"~|null|Null|NULL|",
    "bool": r"true|True|TRUE|false|False|FALSE|yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF",
    "int": r"[-+]?(0|[1-9][0-9]*|0x[0-9a-fA-F]+)",
    "float": r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
}
# What ROS 2's own reader takes for a number or a truth where YAML does not: text like it is written in quotes.
_READ_BY_ROS = r"[yYnN]|[-+.]*([0-9]|[iI][nN][fF]|[nN][aA][nN]).*"


def read_yaml(file: Path) -> Any:
    """The value in `file`, None where it is empty; keys are text."""
    return parse_yaml(read_text(file), str(file))


def parse_yaml(text: str, name: str) -> Any:
    """The value that `text` is; `name` is what errors call it."""
    try:
        node = _Loader(text).get_single_node()
        return None if node is None else _value(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = " ".join(filter(None, (error.context, error.problem)))
        raise InvalidInput(f"{_place(name, mark)}: not YAML: {said[:_QUOTED]}") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, int(error.position)) + 1
        raise InvalidInput(f"{name}, line {line}: character {error.character:#x}, expected text") from error
    except _Refused as error:
        raise InvalidInput(f"{_place(name, error.mark)}: {str(error)[:_QUOTED]}") from error
    except (ValueError, OverflowError) as error:  # "\UFFFFFFFF", which PyYAML hands to chr()
        raise InvalidInput(f"{name} is not YAML: {error}") from error


def yaml_text(value: Any) -> str:
    """`value`, made of dict, list, tuple and single values, as YAML that `parse_yaml` and ROS 2 read back."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False)


class _Refused(InvalidInput):
    def __init__(self, text: str, mark: Any) -> None:
        super().__init__(text)
        self.mark = mark


class _Loader(yaml.SafeLoader):
    """Stops as soon as there is too much; PyYAML's own rules of what a scalar is do not count."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - as PyYAML has it
    _depth = _nodes = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event: Any = self.peek_event()
        if event.anchor is not None:  # an alias has one as well
            raise _Refused("an anchor or alias, expected every value written out", event.start_mark)
        self._depth += 1
        self._nodes += 1
        if self._depth > MAX_DEPTH:
            raise _Refused(f"nested deeper than {MAX_DEPTH} levels", event.start_mark)
        if self._nodes > MAX_NODES:
            raise _Refused(f"more than {MAX_NODES} values, expected fewer", event.start_mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


class _Dumper(yaml.SafeDumper):
    """Quotes text that would be read as something else, and writes a list out each time it comes."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


for _kind, _pattern in _SCALARS.items():
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(_TAG + _kind, re.compile(rf"(?:{_pattern})\Z"), None)
_Dumper.add_implicit_resolver(_TAG + "rcl", re.compile(rf"(?:{_READ_BY_ROS})\Z"), None)
_Dumper.add_representer(tuple, yaml.SafeDumper.represent_list)


def _value(node: Any) -> Any:
    kind = node.tag.removeprefix(_TAG)
    try:
        if isinstance(node, yaml.MappingNode) and kind == "map":
            return _mapping(node)
        if isinstance(node, yaml.SequenceNode) and kind == "seq":
            return [_value(part) for part in node.value]
        if isinstance(node, yaml.ScalarNode) and kind in ("str", *_SCALARS):
            return _scalar(kind, node.value)
    except _Refused:
        raise
    except ValueError as error:
        raise _Refused(str(error), node.start_mark) from error
    raise _Refused(f"a value of type {node.tag}, expected a plain one", node.start_mark)


def _mapping(node: yaml.MappingNode) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _Refused("a key of several values, expected text", key.start_mark)
        if key.value in found:
            raise _Refused(f"key {key.value!r} is there twice, expected once", key.start_mark)
        found[plain(key.value)] = _value(value)
    return found


def _scalar(kind: str, text: str) -> Any:
    if kind == "str":
        return plain(text)
    if not re.fullmatch(_SCALARS[kind], text):  # only where its tag is written out
        raise InvalidInput(f"{text!r}, expected {kind}")
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() in ("true", "yes", "on")
    if kind == "int":
        return integer(text)
    if "." in text and text[-1] in "fFnN":
        return float(text.replace(".", ""))
    return real(text)


def _place(name: str, mark: Any) -> str:
    return f"{name}, line {mark.line + 1}" if mark else name
