"""A training run in one process, on any Gymnasium environment of numbers: act for an episode, then learn from all."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from qtopt_agent.core.episode import Episode
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.policy import Policy
from qtopt_agent.core.profile import Profile
from qtopt_agent.core.seeds import derived_seed
from qtopt_agent.learning.feed import Feed
from qtopt_agent.learning.learner import Learner
from qtopt_agent.learning.parts import collecting_policy, make_network, training_maximizer
from qtopt_agent.learning.preset import Preset
from qtopt_agent.learning.symmetry import Mirror
from qtopt_agent.replay.spec import OFF_POLICY, ON_POLICY, StoreSpec
from qtopt_agent.replay.store import TransitionStore
from qtopt_agent.rollouts.environment_runner import EnvironmentRunner


@dataclass(frozen=True)
class Budget:
    """How long a run is. Gradient steps keep pace with environment steps; the warm-up's share follows right after it.

    gradient_ratio: gradient steps for each environment step. warm_up_steps: of environment_steps, those of the
    warm-up policy.
    """

    environment_steps: int
    gradient_ratio: float
    warm_up_steps: int

    def __post_init__(self) -> None:
        if not 0 < self.warm_up_steps < self.environment_steps or not self.gradient_steps:
            raise InvalidInput(f"{self}: expected 0 < warm_up_steps < environment_steps and a gradient step")

    @property
    def gradient_steps(self) -> int:
        """Gradient steps of the whole run."""
        return int(self.environment_steps * self.gradient_ratio)


def warm_up_episodes(runner: EnvironmentRunner, warm_up: Policy, budget: Budget, seed: int) -> Iterator[Episode]:
    """The episodes that a run with this `seed` begins with; as its own, the last is played to its end."""
    steps = 0
    for number in itertools.count():
        if steps >= budget.warm_up_steps:
            return
        yield (episode := _run(runner, warm_up, seed, number))
        steps += len(episode.steps)


def _run(runner: EnvironmentRunner, policy: Policy, seed: int, number: int) -> Episode:
    seed = derived_seed(seed, 0, number)
    return runner.run(policy, np.random.default_rng([seed, 1]), seed, str(number))


class EnvironmentTraining:
    """Learns as `preset` says; how long, and how the data begins, is the budget's and `warm_up`'s to say.

    Rewards and discount must be such that Q is within 0..1, and the environment's own step limit a truncation unless
    the state tells the steps done. The replay is kept in `folder`. The same seed gives the same run.
    """

    def __init__(
        self,
        preset: Preset,
        profile: Profile,
        environment: gymnasium.Env[Any, Any],
        warm_up: Policy,
        budget: Budget,
        folder: Path,
        seed: int = 0,
        mirrors: Sequence[Mirror] = (),
    ) -> None:
        """Raises InvalidInput where the environment's spaces are not the profile's, or `folder` is in use."""
        self.environment_steps = 0
        preset = replace(preset, steps=budget.gradient_steps)
        network = make_network(preset, profile, seed=seed)
        self.learner = Learner(preset, profile, network, training_maximizer(preset, profile), seed, mirrors)
        # An episode of T steps takes T + 1 rows: two a step at most.
        most = 2 * (budget.environment_steps + profile.max_steps)
        capacity = min(preset.replay.capacity or most, most)
        self.store = TransitionStore(folder, StoreSpec.of(profile, capacity))
        if self.store.episodes_added:
            raise InvalidInput(f"{folder} holds {self.store.episodes_added} episodes already, expected none")
        self._preset, self._profile, self._budget, self._seed = preset, profile, budget, seed
        self._warm_up = warm_up
        self._runner = EnvironmentRunner(environment, profile)
        self._feed = Feed(self.learner, self.store, np.random.default_rng([seed, 2]))

    def run(self, on_episode: Callable[[Episode], None] = lambda episode: None) -> None:
        """Act and learn until the budget is spent; the last episode is played to its end.

        `on_episode` is called after each episode and the gradient steps that were due with it.
        """
        budget = self._budget
        for episode in warm_up_episodes(self._runner, self._warm_up, budget, self._seed):
            self._take(episode, OFF_POLICY)
            on_episode(episode)
        self._catch_up()
        while self.environment_steps < budget.environment_steps:
            episode = _run(self._runner, self._collecting(), self._seed, self.store.episodes_added)
            self._take(episode, ON_POLICY)
            self._catch_up()
            on_episode(episode)

    def _take(self, episode: Episode, source: int) -> None:
        self.store.append(episode, source)
        self.environment_steps += len(episode.steps)

    def _catch_up(self) -> None:
        """Take the gradient steps that are due."""
        due = int(self.environment_steps * self._budget.gradient_ratio)
        while self.learner.step_count < min(due, self._budget.gradient_steps):
            self._feed.step()

    def _collecting(self) -> Policy:
        schedules = self._preset.exploration.at(self.learner.progress)
        return collecting_policy(self._preset, self._profile, self.learner.acting, *schedules)
