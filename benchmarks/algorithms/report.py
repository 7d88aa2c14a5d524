"""Results in the documentation: its pages' tables, and the pictures and numbers in docs/curves."""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.algorithms import plots
from benchmarks.algorithms.results import TITLES, Entry, tasks_of
from benchmarks.algorithms.studies import STUDIES
from benchmarks.algorithms.tables import beside_others, table, verdict

DOCS = Path(__file__).parents[2] / "docs"
CURVES = DOCS / "curves"
BLOCK = re.compile(r"(<!-- measured: (\S+) -->\n).*?(<!-- end of measured -->)", re.DOTALL)


def write(entries: Sequence[Entry]) -> None:
    """Rewrite docs/curves/algorithms-* and, in docs/algorithms/*.md, what stands between the marks of measurements.

    The block `all` gets the tables of all algorithms, a block named after a preset gets that preset's results.
    """
    for task in tasks_of(entries):
        mine = [entry for entry in entries if entry.task == task]
        plots.draw_task(mine, CURVES / f"algorithms-{task}.png")
        _write_runs(mine, CURVES / f"algorithms-{task}.json")
    _fill_pages(lambda name: None if name in STUDIES else _block(entries, name))


def write_studies(entries: Sequence[Entry]) -> None:
    """Rewrite docs/curves/study-* and, in docs/algorithms/*.md, the blocks named after a study."""
    _write_runs(entries, CURVES / "studies.json")
    _fill_pages(lambda name: _study(entries, name) if name in STUDIES else None)


def _fill_pages(block: Callable[[str], str | None]) -> None:
    """Put what `block` makes of a block's name there; None leaves the block as it is."""

    def filled(match: re.Match[str]) -> str:
        text = block(match[2])
        return match[0] if text is None else match[1] + text + match[3]

    for page in sorted((DOCS / "algorithms").glob("*.md")):
        text = page.read_text(encoding="utf-8")
        if (new := BLOCK.sub(filled, text)) != text:
            page.write_text(new, encoding="utf-8")
            print(f"wrote {page}")


def _write_runs(entries: Sequence[Entry], path: Path) -> None:
    runs = [run for entry in entries for run in entry.runs]
    path.write_text("[\n" + ",\n".join(map(json.dumps, runs)) + "\n]\n")


def _block(entries: Sequence[Entry], name: str) -> str:
    if name == "all":
        parts = [_task(entries, task, f"algorithms-{task}") for task in tasks_of(entries)]
        return "\n\n".join(filter(None, [verdict(entries), *parts])) + "\n"
    plots.draw_algorithm(entries, name, CURVES / f"algorithms-{name}.png")
    picture = f"![{name} beside the other algorithms](../curves/algorithms-{name}.png)"
    return f"{beside_others(entries, name)}\n\n{picture}\n"


def _study(entries: Sequence[Entry], name: str) -> str:
    parts = []
    for task in STUDIES[name].tasks:
        mine = [e for e in entries if e.task == task and e.algorithm in STUDIES[name].algorithms]
        plots.draw_task(mine, CURVES / f"study-{name}-{task}.png")
        parts.append(_task(mine, task, f"study-{name}-{task}"))
    return "\n\n".join(parts) + "\n"


def _task(entries: Sequence[Entry], task: str, picture: str) -> str:
    return f"### {TITLES[task]}\n\n{table(entries, task)}\n\n![Learning curves on {task}](../curves/{picture}.png)"
