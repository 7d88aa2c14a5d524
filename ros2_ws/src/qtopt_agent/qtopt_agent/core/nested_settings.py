"""Settings in groups: a dataclass of dataclasses, in which a setting's full name is such as `exploration.noise`."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import Field, fields, is_dataclass
from typing import Any

from qtopt_agent.core.errors import InvalidInput, unknown


def settings_of(kind: type) -> dict[str, Field[Any]]:
    """Every setting of the dataclass `kind`, by its full name; a field that is a dataclass is a group of settings."""
    found: dict[str, Field[Any]] = {}
    for field in fields(kind):
        if is_dataclass(field.type):
            found |= {f"{field.name}.{inner.name}": inner for inner in fields(field.type)}
        else:
            found[field.name] = field
    return found


def by_full_name(settings: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    """What is set, by its full name, of which there are those `known`; `settings` may hold values and groups of values.

    A name may also be short: the part behind the point, where one group alone has it, or a group's own name, which
    stands for its `kind`. Raises InvalidInput where a name is unknown or ambiguous, or a setting is there twice.
    """
    meanings: dict[str, list[str]] = {}
    for full in known:
        for name in {full, full.rpartition(".")[2], full.removesuffix(".kind")}:
            meanings.setdefault(name, []).append(full)
    written: dict[str, str] = {}
    values: dict[str, Any] = {}
    for name, value in _ungrouped(settings, {full.partition(".")[0] for full in known if "." in full}):
        if name not in meanings:
            raise unknown("setting", name, meanings)
        full, *others = meanings[name]
        if others:
            raise InvalidInput(f"setting {name} is ambiguous, expected one of {', '.join(meanings[name])}")
        if full in written:
            raise InvalidInput(f"setting {full} is there twice, as {written[full]} and as {name}, expected once")
        written[full], values[full] = name, value
    return values


def _ungrouped(settings: Mapping[str, Any], groups: Collection[str]) -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        if key in groups and isinstance(value, Mapping):
            yield from ((f"{key}.{name}", each) for name, each in value.items())
        else:
            yield str(key), value


def grouped(kind: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that make a `kind` of `values` by full name; in a group, what they leave out has its default."""
    parts: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for name, value in values.items():
        group, _, inner = name.rpartition(".")
        parts[group][inner] = value
    groups: dict[str, Any] = {field.name: field.type for field in fields(kind) if is_dataclass(field.type)}
    return parts[""] | {name: group(**parts[name]) for name, group in groups.items()}
