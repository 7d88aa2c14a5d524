"""How often the network that acts succeeds, measured by the actors while it goes on learning."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from qtopt_agent.core.seeds import derived_seed
from qtopt_agent.training.actors import Result
from qtopt_agent.training.worker import Order

VALIDATION = {"train": "validation", "household": "household-validation"}
"""For each split of objects to learn from, the one beside it."""


class Pool(Protocol):
    """Whoever runs the episodes."""

    def submit(self, order: Order) -> None:
        """Queue an order."""
        ...


class Evaluations:
    """Each of `episodes` grasps at `objects` and at their validation ones, the same for every one of a run.

    success: the newest rates, by split. What is evaluated lies in `out` until both are known.
    """

    def __init__(self, out: Path, objects: str, episodes: int, seed: int) -> None:
        self.success: dict[str, float] = {}
        self._out, self._episodes, self._seed = out, episodes, seed
        self._splits = (objects, VALIDATION[objects])
        self._under_way: dict[tuple[int, str], list[bool]] = {}

    def __bool__(self) -> bool:
        """Whether one is under way."""
        return bool(self._under_way)

    def order(self, step: int, save: Callable[[Path], object], pool: Pool) -> None:
        """Begin one of what acts at gradient step `step`, whose weights `save` writes to a file.

        One that is under way, because a step is done again, goes on.
        """
        if self._episodes == 0 or any(step == under_way for under_way, _ in self._under_way):
            return
        weights = self._weights(step)
        save(weights)
        for objects in self._splits:
            self._under_way[step, objects] = []
            for i in range(self._episodes):
                pool.submit(Order(objects, derived_seed(self._seed, 1, i), str(weights), evaluation=step))

    def take(self, step: int, result: Result) -> int:
        """Count an episode of the one of `step`. Returns of how many a rate is now known; 0 while it is not."""
        objects = result.order.objects
        outcomes = self._under_way[step, objects]
        outcomes.append(result.episode.success)
        if len(outcomes) < self._episodes:
            return 0
        del self._under_way[step, objects]
        self.success[objects] = float(np.mean(outcomes))
        if all(other != step for other, _ in self._under_way):
            self._weights(step).unlink()
        return len(outcomes)

    def record(self, objects: str, count: int, episodes: int, minutes: float) -> dict[str, Any]:
        """The newest rate of `objects`, of `count` grasps, as evaluations.jsonl has it.

        So many `episodes` and `minutes` the run took until then.
        """
        success = self.success[objects]
        return {
            "objects": objects,
            "success": success,
            "of": count,
            "episodes": episodes,
            "minutes": round(minutes, 2),
        }

    def clean_up(self) -> None:
        """Remove what those leave that were cut short."""
        for weights in self._out.glob("evaluated-*"):
            weights.unlink()

    def _weights(self, step: int) -> Path:
        return self._out / f"evaluated-{step}.safetensors"


def told(step: int, record: dict[str, Any]) -> str:
    """A line for people about an evaluation at gradient step `step`, see `Evaluations.record`."""
    return (
        f"step {step:,}: {record['success']:.0%} of {record['of']} grasps at {record['objects']} objects, "
        f"{record['episodes']:,} episodes, {record['minutes']:.1f} min"
    )
