"""Write settings.md: every setting of a training run, from the code that reads them.

.venv/bin/python docs/reference/settings.py
"""

from collections import defaultdict
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any

from qtopt_agent.core.ranges import expected, meaning
from qtopt_agent.learning.preset import SETTINGS, Preset, load_preset, preset_names

PAGE = Path(__file__).with_suffix(".md")
HEAD = """# Settings of a training run

Written by `.venv/bin/python docs/reference/settings.py`.

A preset is a file of these settings in their groups, and what it leaves out has its default. How to use one, and what
`--set` takes: [train a model](../how-to/train-a-model.md). What the choices do: [algorithms](../algorithms/README.md).
A pair goes linearly from its first number at the first gradient step to its second at the last.
"""
VALUES = {preset: load_preset(preset).settings() for preset in preset_names()}
COLUMNS = ("setting", "value", "default", "meaning", "in presets")


def page() -> str:
    """The whole page."""
    alone = [name for name in SETTINGS if "." not in name]
    parts = [HEAD, _table(alone)]
    for group in (field for field in fields(Preset) if is_dataclass(field.type)):
        names = [name for name in SETTINGS if name.startswith(f"{group.name}.")]
        parts.append(f"## {group.name}\n\n{group.type.__doc__}\n\n{_table(names)}")
    return "\n".join(parts)


def _table(names: list[str]) -> str:
    rows = [COLUMNS, ["---"] * len(COLUMNS), *map(_row, names)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _row(name: str) -> list[str]:
    kind, default = SETTINGS[name].type, SETTINGS[name].default
    stated = "required" if default is MISSING else f"`{_yaml(default)}`"
    return [f"`{name.rpartition('.')[2]}`", expected(kind), stated, meaning(kind), _in_presets(name, default)]


def _in_presets(name: str, default: Any) -> str:
    """The presets that do not have the default, by value."""
    having = defaultdict(list)
    for preset, values in VALUES.items():
        if (value := values[name]) != default:
            having[_yaml(value)].append(preset)
    return "; ".join(f"`{value}` {', '.join(presets)}" for value, presets in having.items())


def _yaml(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_yaml, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:_}" if isinstance(value, int) else str(value)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
