"""Learning curves of the comparison."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from benchmarks.algorithms.results import TITLES, Entry, tasks_of

AXES = {"pendulum": "return", "two-modes": "height reached (best: 1)", "grasp": "success on validation objects"}


def draw_task(entries: Sequence[Entry], path: Path) -> None:
    """Every algorithm on one task: mean of the seeds, and from the lowest to the highest. Baselines dashed."""
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    for number, entry in enumerate(entries):
        _line(axes, entry, plt.get_cmap("tab20")(number % 20), 1.0)
    _label(axes, entries[0].task)
    axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw_algorithm(entries: Sequence[Entry], name: str, path: Path) -> None:
    """One algorithm on every task; the others in grey, baselines dashed."""
    tasks = tasks_of(entries)
    figure, row = plt.subplots(1, len(tasks), figsize=(4 * len(tasks), 3), layout="constrained", squeeze=False)
    for axes, task in zip(row[0], tasks, strict=True):
        for entry in [entry for entry in entries if entry.task == task and entry.algorithm != name]:
            _line(axes, entry, "grey", 0.4)
        for entry in [entry for entry in entries if entry.task == task and entry.algorithm == name]:
            _line(axes, entry, "C0", 1.0)
        _label(axes, task)
        axes.set_title(TITLES[task], fontsize="medium")
    figure.savefig(path, dpi=100)
    plt.close(figure)


def _line(axes: Axes, entry: Entry, colour: object, strength: float) -> None:
    steps, values = entry.curve()
    style, name = "--" if entry.baseline else "-", entry.algorithm.replace("+", "\n  ")
    axes.plot(steps, np.mean(values, 0), style, color=colour, alpha=strength, label=name)
    if strength == 1.0:
        axes.fill_between(steps, np.min(values, 0), np.max(values, 0), color=colour, alpha=0.12, linewidth=0)


def _label(axes: Axes, task: str) -> None:
    axes.set(xlabel="environment steps", ylabel=AXES[task], xlim=(0, None))
    axes.grid(alpha=0.3)
