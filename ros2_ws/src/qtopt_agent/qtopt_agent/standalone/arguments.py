"""The `--ros-args` of a node: remaps, parameters and log levels, from the command line and from YAML files."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.documents import parse_yaml, read_yaml

Remap = tuple[str | None, str, str]  # node it is meant for, from, to
Override = tuple[str, str, Any]  # node pattern, parameter name, value


class UnknownROSArgsError(RuntimeError):
    """An argument after --ros-args that no ROS 2 node takes."""


@dataclass
class Arguments:
    """What --ros-args asked for, in the order given."""

    remaps: list[Remap] = field(default_factory=list)
    overrides: list[Override] = field(default_factory=list)
    log_levels: dict[str | None, str] = field(default_factory=dict)  # None: every logger
    others: list[str] = field(default_factory=list)  # arguments that are not ROS's

    def renamed(self, node: str, special: str, otherwise: str) -> str:
        """The value of `__node` or `__ns` for `node`."""
        return next((to for who, name, to in self.remaps if name == special and who in (None, node)), otherwise)

    def parameters(self, full_name: str) -> dict[str, Any]:
        """Parameter overrides of the node `full_name` (with its namespace)."""
        return {name: value for pattern, name, value in self.overrides if matches(pattern, full_name)}


def parse(arguments: list[str]) -> Arguments:
    """Read a command line. Raises UnknownROSArgsError, or ValueError on a rule or file that cannot be read."""
    parsed = Arguments()
    words = iter(arguments)
    ros = False
    for word in words:
        if word == "--ros-args":
            ros = True
        elif not ros:
            parsed.others.append(word)
        elif word == "--":
            ros = False
        elif word in ("-r", "--remap"):
            target, value = _rule(_value(words, word))
            node, _, name = target.rpartition(":")
            if name == "__ns" and not value.startswith("/"):
                raise ValueError(f"Namespace not remapped to a fully qualified name: {value!r}")
            parsed.remaps.append((node or None, name, value))
        elif word in ("-p", "--param"):
            target, value = _rule(_value(words, word))
            node, _, name = target.rpartition(":")
            parsed.overrides.append((f"/**/{node}" if node else "/**", name, parse_yaml(value, f"parameter {name}")))
        elif word == "--params-file":
            parsed.overrides += read_parameters(Path(_value(words, word)))
        elif word == "--log-level":
            name, _, level = _value(words, word).rpartition(":=")
            parsed.log_levels[name or None] = level
        else:
            raise UnknownROSArgsError(f"Found unknown ROS arguments: {word!r}")
    return parsed


def read_parameters(path: Path) -> list[Override]:
    """Every parameter in a ROS 2 file. Raises InvalidInput unless it has the `node: ros__parameters:` form."""
    content = read_yaml(path) or {}
    if not isinstance(content, dict):
        raise InvalidInput(f"{path} holds {content!r}, expected `node: ros__parameters:`")
    found: list[Override] = []

    def visit(pattern: str, tree: Any) -> None:
        if not isinstance(tree, dict):
            raise InvalidInput(f"{path}: {pattern} holds {tree!r}, expected `ros__parameters:`")
        for key, value in tree.items():
            if key == "ros__parameters" and isinstance(value, dict):
                found.extend((pattern, name, setting) for name, setting in _flatten("", value))
            else:
                visit(f"{pattern}/{str(key).strip('/')}", value)

    visit("", content)
    return found


def matches(pattern: str, full_name: str) -> bool:
    """Whether the parameters of `pattern`, such as /**, are meant for the node `full_name`."""
    # `**` is any number of name parts, also none; `*` is one.
    parts = [
        "(/[^/]+)*" if part == "**" else "/[^/]+" if part == "*" else "/" + re.escape(part)
        for part in re.sub(r"(/\*\*)+", "/**", pattern).split("/")[1:]
    ]
    return re.fullmatch("".join(parts), full_name) is not None


def _flatten(prefix: str, tree: dict[str, Any]) -> list[tuple[str, Any]]:
    flat: list[tuple[str, Any]] = []
    for key, value in tree.items():
        flat += _flatten(f"{prefix}{key}.", value) if isinstance(value, dict) else [(f"{prefix}{key}", value)]
    return flat


def _value(words: Any, flag: str) -> str:
    value = next(words, None)
    if value is None:
        raise ValueError(f"{flag} needs a value")
    return value


def _rule(text: str) -> tuple[str, str]:
    name, sign, value = text.partition(":=")
    if not sign or not name:
        raise ValueError(f"{text!r} is no rule, expected name:=value")
    return name, value
