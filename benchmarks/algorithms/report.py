"""From the files of runs to tables, pictures and the documentation's pages."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.algorithms.studies import STUDIES
from benchmarks.algorithms.tasks import TASKS
from qtopt_agent.rollouts.intervals import wilson

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"(<!-- measured: (\S+) -->\n).*?(<!-- end of measured -->)", re.DOTALL)
TITLES = {"pendulum": "Pendulum-v1", "two-modes": "Two modes", "grasp": "Grasping from the simulator's numbers"}


@dataclass(frozen=True)
class Entry:
    """All runs of one algorithm on one task, by seed."""

    task: str
    algorithm: str
    runs: tuple[dict[str, Any], ...]

    @property
    def successes(self) -> int:
        """Of the final checkpoints, all seeds together."""
        return sum(run["final"]["successes"] for run in self.runs)

    @property
    def episodes(self) -> int:
        """Measured with the final checkpoints, all seeds together."""
        return sum(run["final"]["episodes"] for run in self.runs)

    @property
    def returns(self) -> list[float]:
        """Mean return of each seed's final checkpoint."""
        return [run["final"]["return"] for run in self.runs]

    @property
    def score(self) -> float:
        """What the task is about; more is better."""
        return self.successes / self.episodes if self.task == "grasp" else float(np.mean(self.returns))

    def cells(self) -> list[str]:
        """The columns of this task's table between the name and the costs."""
        if self.task == "pendulum":
            return [f"{self.score:.0f}", f"{np.std(self.returns):.0f}", ", ".join(f"{r:.0f}" for r in self.returns)]
        low, high = wilson(self.successes, self.episodes)
        share = self.successes / self.episodes
        each = ", ".join(f"{run['final']['successes'] / run['final']['episodes']:.0%}" for run in self.runs)
        counted = [f"{self.successes} of {self.episodes}", f"{share:.1%} ({low:.1%} - {high:.1%})", each]
        return counted if self.task == "grasp" else [*counted, f"{1 - self.score:.3f}"]

    def curve(self) -> tuple[list[float], list[list[float]]]:
        """Environment steps of the points of a learning curve, and each seed's values there."""

        def value(point: dict[str, Any]) -> float:
            return float(point["successes"] / point["episodes"] if self.task == "grasp" else point["return"])

        points = min(len(run["curve"]) for run in self.runs)
        # A baseline with scripted episodes has no points before it starts to act.
        curves = [run["curve"][-points:] for run in self.runs]
        steps = [float(np.mean([curve[i]["steps"] for curve in curves])) for i in range(points)]
        return steps, [[value(point) for point in curve] for curve in curves]


COLUMNS = {
    "pendulum": ["mean return", "spread of seeds", "each seed"],
    "two-modes": ["on the higher hill", "share (95 %)", "each seed", "mean regret"],
    "grasp": ["grasps", "success (95 %)", "each seed"],
}
AXES = {"pendulum": "return", "two-modes": "height reached (best: 1)", "grasp": "success on validation objects"}


def read(folder: Path) -> list[Entry]:
    """The finished runs in `folder`, the best algorithm of each task first."""
    runs = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    entries = []
    for task in TASKS:
        mine = [run for run in runs if run["job"]["task"] == task]
        names = sorted({run["job"]["algorithm"] for run in mine})
        found = [Entry(task, n, tuple(run for run in mine if run["job"]["algorithm"] == n)) for n in names]
        entries += sorted(found, key=lambda entry: -entry.score)
    return entries


def tables(entries: Sequence[Entry]) -> str:
    """Markdown: one table a task."""
    return "\n\n".join(f"### {TITLES[task]}\n\n{table(entries, task)}" for task in _tasks(entries))


def table(entries: Sequence[Entry], task: str) -> str:
    """Markdown: one line an algorithm, the best first."""
    columns = ["algorithm", *COLUMNS[task], "environment steps", "gradient steps", "minutes a run"]
    lines = [columns, ["---"] * len(columns)]
    for entry in entries:
        if entry.task != task:
            continue
        costs = [np.mean([run[name] for run in entry.runs]) for name in ("environment_steps", "gradient_steps")]
        minutes = np.mean([run["seconds"] for run in entry.runs]) / 60
        lines.append([entry.algorithm, *entry.cells(), *(f"{c:,.0f}" for c in costs), f"{minutes:.1f}"])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def verdict(entries: Sequence[Entry]) -> str:
    """One sentence: how compact compares with the best baseline on grasping; empty where either is missing."""
    mine = [e for e in entries if e.task == "grasp" and e.algorithm == "compact"]
    baselines = [e for e in entries if e.task == "grasp" and e.algorithm.startswith("sb3-")]
    if not mine or not baselines:
        return ""
    best = max(baselines, key=lambda e: e.score)
    word = "at or above" if mine[0].score >= best.score else "below"
    counts = [_counted(e) for e in (mine[0], best)]
    return (
        f"On grasping, at equal environment steps, `compact` ({counts[0]}) is **{word}** the best baseline, "
        f"{best.algorithm} ({counts[1]})."
    )


def _counted(entry: Entry) -> str:
    low, high = wilson(entry.successes, entry.episodes)
    return f"{entry.successes} of {entry.episodes} grasps, {low:.1%} - {high:.1%}"


def write(entries: Sequence[Entry]) -> None:
    """Rewrite docs/curves/algorithms-* and, in docs/algorithms/*.md, what stands between the marks of measurements.

    The block `all` gets the tables of all algorithms, a block named after a preset gets that preset's results.
    """
    from benchmarks.algorithms import plots

    curves = DOCS / "curves"
    for task in _tasks(entries):
        mine = [entry for entry in entries if entry.task == task]
        plots.draw_task(mine, curves / f"algorithms-{task}.png")
        _write_runs(mine, curves / f"algorithms-{task}.json")
    _fill_pages(lambda name: None if name in STUDIES else _block(entries, name, curves))


def write_studies(entries: Sequence[Entry]) -> None:
    """Rewrite docs/curves/study-* and, in docs/algorithms/*.md, the blocks named after a study."""
    curves = DOCS / "curves"
    _write_runs(entries, curves / "studies.json")
    _fill_pages(lambda name: _study(entries, name, curves) if name in STUDIES else None)


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


def summary(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Plain values for a JSON file."""
    return [
        {
            "task": entry.task,
            "algorithm": entry.algorithm,
            "score": entry.score,
            "successes": entry.successes,
            "episodes": entry.episodes,
            "returns": entry.returns,
            "seconds": [run["seconds"] for run in entry.runs],
        }
        for entry in entries
    ]


def _tasks(entries: Sequence[Entry]) -> list[str]:
    return [task for task in TASKS if any(entry.task == task for entry in entries)]


def _block(entries: Sequence[Entry], name: str, curves: Path) -> str:
    if name == "all":
        parts = [verdict(entries)]
        for task in _tasks(entries):
            picture = f"![Learning curves on {task}](../curves/algorithms-{task}.png)"
            parts.append(f"### {TITLES[task]}\n\n{table(entries, task)}\n\n{picture}")
        return "\n\n".join(filter(None, parts)) + "\n"
    from benchmarks.algorithms import plots

    plots.draw_algorithm(entries, name, curves / f"algorithms-{name}.png")
    lines = ["| task | result | best of all | best of Stable-Baselines3 |", "| --- | --- | --- | --- |"]
    for task in _tasks(entries):
        here = [entry for entry in entries if entry.task == task]
        mine = [entry for entry in here if entry.algorithm == name]
        baselines = [entry for entry in here if entry.algorithm.startswith("sb3-")]
        cells = [_brief(mine[0]) if mine else "-"]
        cells += [f"{_brief(group[0])} ({group[0].algorithm})" if group else "-" for group in (here, baselines)]
        lines.append(f"| {TITLES[task]} | {' | '.join(cells)} |")
    picture = f"![{name} beside the other algorithms](../curves/algorithms-{name}.png)"
    return "\n".join(lines) + f"\n\n{picture}\n"


def _study(entries: Sequence[Entry], name: str, curves: Path) -> str:
    from benchmarks.algorithms import plots

    parts = []
    for task in STUDIES[name].tasks:
        mine = [e for e in entries if e.task == task and e.algorithm in STUDIES[name].algorithms]
        plots.draw_task(mine, curves / f"study-{name}-{task}.png")
        picture = f"![Learning curves on {task}](../curves/study-{name}-{task}.png)"
        parts.append(f"### {TITLES[task]}\n\n{table(mine, task)}\n\n{picture}")
    return "\n\n".join(parts) + "\n"


def _brief(entry: Entry) -> str:
    if entry.task == "pendulum":
        value = f"return {entry.score:.0f}"
    elif entry.task == "two-modes":
        value = f"{entry.successes / entry.episodes:.1%} on the higher hill"
    else:
        value = f"{entry.score:.1%} of grasps"
    return value
