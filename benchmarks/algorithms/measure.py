"""Runs a policy on many episodes in lockstep, so that it decides for all of them at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.algorithms.tasks import Environment

Act = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Greedy actions [B, A] for states [B, S]."""


@dataclass(frozen=True)
class Outcome:
    """Of each episode: the sum of its rewards as the environment gives them, and whether it succeeded."""

    returns: list[float]
    successes: list[bool]

    def summary(self) -> dict[str, Any]:
        """Plain values for a file."""
        return {
            "return": round(float(np.mean(self.returns)), 5),
            "successes": sum(self.successes),
            "episodes": len(self.returns),
        }


def run_episodes(act: Act, environments: Sequence[Environment], seeds: Sequence[int]) -> Outcome:
    """One episode a seed, as many at once as there are environments."""
    returns, successes = [0.0] * len(seeds), [False] * len(seeds)
    for first in range(0, len(seeds), len(environments)):
        running = dict(zip(range(first, len(seeds)), environments, strict=False))
        states = {i: environment.reset(seed=seeds[i])[0] for i, environment in running.items()}
        while running:
            actions = act(np.stack([states[i] for i in running]))
            for (i, environment), action in zip(list(running.items()), actions, strict=True):
                states[i], reward, terminal, truncated, info = environment.step(action)
                returns[i] += float(reward)
                if terminal or truncated:
                    successes[i] = bool(info.get("success", False))
                    del running[i]
    return Outcome(returns, successes)
