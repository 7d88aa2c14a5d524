"""What the files of runs say, put together by task and algorithm."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.algorithms.runs import BASELINE
from benchmarks.algorithms.tasks import TASKS

TITLES = {"pendulum": "Pendulum-v1", "two-modes": "Two modes", "grasp": "Grasping from the simulator's numbers"}


@dataclass(frozen=True)
class Entry:
    """All runs of one algorithm on one task, by seed."""

    task: str
    algorithm: str
    runs: tuple[dict[str, Any], ...]

    @property
    def baseline(self) -> bool:
        """Whether it is one of Stable-Baselines3's."""
        return self.algorithm.startswith(BASELINE)

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

    def curve(self) -> tuple[list[float], list[list[float]]]:
        """Environment steps of the points of a learning curve, and each seed's values there."""

        def value(point: dict[str, Any]) -> float:
            return float(point["successes"] / point["episodes"] if self.task == "grasp" else point["return"])

        points = min(len(run["curve"]) for run in self.runs)
        # A baseline with scripted episodes has no points before it starts to act.
        curves = [run["curve"][-points:] for run in self.runs]
        steps = [float(np.mean([curve[i]["steps"] for curve in curves])) for i in range(points)]
        return steps, [[value(point) for point in curve] for curve in curves]


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


def tasks_of(entries: Sequence[Entry]) -> list[str]:
    """The tasks that `entries` have something on, in their usual order."""
    return [task for task in TASKS if any(entry.task == task for entry in entries)]


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
