"""A policy that now and then tries something else, for collecting data."""

import numpy as np

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.observation import Observation
from qtopt_agent.core.policy import Decision, Policy
from qtopt_agent.core.profile import Profile


class ExploringPolicy:
    """With probability `epsilon` a uniform random action, otherwise `policy`'s plus Gaussian noise.

    `noise` is the standard deviation on translation and angle, as a fraction of half their range; flags stay as they
    are. An action that the policy did not choose itself carries no Q (NaN).
    """

    def __init__(self, policy: Policy, profile: Profile, epsilon: float = 0.1, noise: float = 0.0) -> None:
        if not 0 <= epsilon <= 1 or not 0 <= noise < np.inf:
            raise InvalidInput(f"epsilon {epsilon}, noise {noise}: expected 0 <= epsilon <= 1 and a finite noise >= 0")
        self.name = f"exploring-{policy.name}"
        self._policy, self._space = policy, profile.action_space
        self._epsilon, self._noise = epsilon, noise

    def decide(self, observation: Observation, rng: np.random.Generator) -> Decision:
        """A valid action. Raises what the policy raises."""
        if rng.random() < self._epsilon:
            return Decision(self._space.sample(rng))
        decision = self._policy.decide(observation, rng)
        return Decision(self._perturb(decision.action, rng)) if self._noise else decision

    def _perturb(self, action: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        space, a = self._space, action.copy()
        n, c = len(space.low), len(space.max_angle)
        half = (np.array(space.high) - np.array(space.low)) / 2
        a[:n] += rng.normal(0, self._noise, n) * half
        circles = a[n : n + 2 * c].reshape(c, 2)
        angles = np.arctan2(circles[:, 0], circles[:, 1]) + rng.normal(0, self._noise, c) * np.array(space.max_angle)
        a[n : n + 2 * c] = np.stack([np.sin(angles), np.cos(angles)], -1).ravel()
        return space.project(a)
