"""How attempts have gone, in words and as a JSON file."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from qtopt_agent.core.errors import StorageError
from qtopt_agent.rollouts.intervals import wilson


class Tally:
    """Of attempts with `seed`, each with one of `outcomes`."""

    def __init__(self, seed: int, outcomes: Iterable[str]) -> None:
        self.episodes = self.successes = self.steps = 0
        self._seed, self._outcomes = seed, Counter(dict.fromkeys(outcomes, 0))

    def add(self, success: bool, outcome: str, steps: int) -> None:
        """One more attempt."""
        self.episodes += 1
        self.successes += success
        self.steps += steps
        self._outcomes[outcome] += 1

    def summary(self, wall: float) -> str:
        """In `wall` s; for people."""
        low, high = wilson(self.successes, self.episodes)
        return (
            f"{self.successes} of {self.episodes} grasps succeeded: {self.successes / self.episodes:.1%} "
            f"(95 % Wilson interval {low:.1%} to {high:.1%}), {wall / self.episodes:.1f} s a grasp"
        )

    def write(self, file: str, wall: float) -> None:
        """As JSON. Raises StorageError where it cannot be written."""
        low, high = wilson(self.successes, self.episodes)
        numbers = {
            "episodes": self.episodes,
            "successes": self.successes,
            "success": self.successes / self.episodes,
            "wilson_low": low,
            "wilson_high": high,
            "outcomes": dict(self._outcomes),
            "steps": self.steps,
            "seed": self._seed,
            "wall_s": wall,
        }
        try:
            Path(file).write_text(json.dumps(numbers, indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise StorageError(f"result cannot be written: {error}") from error
