"""What chooses actions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.observation import Observation

SCRIPTS = ("random-script", "blobs")
"""Policies that need neither a model nor a simulator: see policies/scripts.py."""


@dataclass(frozen=True)
class Decision:
    """An action float32 [A], the Q value the policy gives it, and the log density it was chosen with; NaN: unknown.

    The density is over unit coordinates, which run from -1 to 1 between an action's bounds, times the probability of
    its flags. Where single actions hold a share of the probability it is the log of that share: 0 for a policy that
    could have chosen nothing else.
    """

    action: NDArray[np.float32]
    q: float = float("nan")
    log_density: float = float("nan")


class Policy(Protocol):
    """Maps observations to actions; `name` goes into the episode's record."""

    name: str

    def decide(self, observation: Observation, rng: np.random.Generator) -> Decision:
        """Choose an action for one observation. All randomness comes from `rng`."""
        ...


@runtime_checkable
class BatchPolicy(Policy, Protocol):
    """A policy that decides for several observations in less time than for one after the other."""

    def decide_all(self, observations: Sequence[Observation], rngs: Sequence[np.random.Generator]) -> list[Decision]:
        """One decision for each observation, with the randomness of the generator at its place."""
        ...


def decide_all(
    policy: Policy, observations: Sequence[Observation], rngs: Sequence[np.random.Generator]
) -> list[Decision]:
    """One decision for each observation, at once where `policy` can."""
    if isinstance(policy, BatchPolicy):
        return policy.decide_all(observations, rngs)
    return [policy.decide(observation, rng) for observation, rng in zip(observations, rngs, strict=True)]
