"""Results as Markdown."""

from collections.abc import Sequence

import numpy as np

from benchmarks.algorithms.results import TITLES, Entry, tasks_of
from qtopt_agent.rollouts.intervals import wilson

COLUMNS = {
    "pendulum": ["mean return", "spread of seeds", "each seed"],
    "two-modes": ["on the higher hill", "share (95 %)", "each seed", "mean regret"],
    "grasp": ["grasps", "success (95 %)", "each seed"],
}
"""Of a task's table, between the algorithm's name and the costs."""


def tables(entries: Sequence[Entry]) -> str:
    """One table a task."""
    return "\n\n".join(f"### {TITLES[task]}\n\n{table(entries, task)}" for task in tasks_of(entries))


def table(entries: Sequence[Entry], task: str) -> str:
    """One line an algorithm, the best first."""
    columns = ["algorithm", *COLUMNS[task], "environment steps", "gradient steps", "minutes a run"]
    lines = [columns, ["---"] * len(columns)]
    for entry in entries:
        if entry.task != task:
            continue
        costs = [np.mean([run[name] for run in entry.runs]) for name in ("environment_steps", "gradient_steps")]
        minutes = np.mean([run["seconds"] for run in entry.runs]) / 60
        lines.append([entry.algorithm, *_cells(entry), *(f"{c:,.0f}" for c in costs), f"{minutes:.1f}"])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def beside_others(entries: Sequence[Entry], algorithm: str) -> str:
    """One line a task: `algorithm`, the best of all, and the best baseline."""
    lines = ["| task | result | best of all | best of Stable-Baselines3 |", "| --- | --- | --- | --- |"]
    for task in tasks_of(entries):
        here = [entry for entry in entries if entry.task == task]
        mine = [entry for entry in here if entry.algorithm == algorithm]
        baselines = [entry for entry in here if entry.baseline]
        cells = [_brief(mine[0]) if mine else "-"]
        cells += [f"{_brief(group[0])} ({group[0].algorithm})" if group else "-" for group in (here, baselines)]
        lines.append(f"| {TITLES[task]} | {' | '.join(cells)} |")
    return "\n".join(lines)


def verdict(entries: Sequence[Entry]) -> str:
    """One sentence: how compact compares with the best baseline on grasping; empty where either is missing."""
    mine = [e for e in entries if e.task == "grasp" and e.algorithm == "compact"]
    baselines = [e for e in entries if e.task == "grasp" and e.baseline]
    if not mine or not baselines:
        return ""
    best = max(baselines, key=lambda e: e.score)
    word = "at or above" if mine[0].score >= best.score else "below"
    counts = [_counted(e) for e in (mine[0], best)]
    return (
        f"On grasping, at equal environment steps, `compact` ({counts[0]}) is **{word}** the best baseline, "
        f"{best.algorithm} ({counts[1]})."
    )


def _cells(entry: Entry) -> list[str]:
    if entry.task == "pendulum":
        returns = entry.returns
        return [f"{entry.score:.0f}", f"{np.std(returns):.0f}", ", ".join(f"{r:.0f}" for r in returns)]
    low, high = wilson(entry.successes, entry.episodes)
    share = entry.successes / entry.episodes
    each = ", ".join(f"{run['final']['successes'] / run['final']['episodes']:.0%}" for run in entry.runs)
    counted = [f"{entry.successes} of {entry.episodes}", f"{share:.1%} ({low:.1%} - {high:.1%})", each]
    return counted if entry.task == "grasp" else [*counted, f"{1 - entry.score:.3f}"]


def _counted(entry: Entry) -> str:
    low, high = wilson(entry.successes, entry.episodes)
    return f"{entry.successes} of {entry.episodes} grasps, {low:.1%} - {high:.1%}"


def _brief(entry: Entry) -> str:
    if entry.task == "pendulum":
        value = f"return {entry.score:.0f}"
    elif entry.task == "two-modes":
        value = f"{entry.successes / entry.episodes:.1%} on the higher hill"
    else:
        value = f"{entry.score:.1%} of grasps"
    return value
