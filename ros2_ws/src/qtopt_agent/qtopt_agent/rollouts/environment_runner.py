"""Runs one episode of any Gymnasium environment of numbers with any Policy."""

from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from qtopt_agent.core.episode import Episode, Step
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.observation import Observation
from qtopt_agent.core.policy import Policy
from qtopt_agent.core.profile import Profile

NO_IMAGE = np.zeros((0, 0, 3), np.uint8)


class EnvironmentRunner:
    """Turns an environment's episodes into ours, with the environment's own rewards.

    Observations are the profile's state, float32 [S], and actions its action vector, float32 [A]. From `info` it takes
    `privileged`, `executed` and `success`, as GraspEnvironment gives them, where they are there.
    """

    def __init__(self, environment: gymnasium.Env[Any, Any], profile: Profile) -> None:
        """Raises InvalidInput where the environment's spaces are not the profile's."""
        wanted = {"observation": (profile.observation.state_size,), "action": (profile.action_space.size,)}
        for name, shape in wanted.items():
            space = getattr(environment, f"{name}_space")
            if not isinstance(space, spaces.Box) or space.shape != shape:
                raise InvalidInput(f"{name} space is {space}, expected a Box of shape {shape} as in {profile.name!r}")
        self._environment = environment
        self._profile = profile

    def run(self, policy: Policy, rng: np.random.Generator, seed: int, episode_id: str) -> Episode:
        """Reset the environment with `seed` and act until it terminates or truncates the episode."""
        state, info = self._environment.reset(seed=seed)
        observation = self._observe(state, info)
        steps: list[Step] = []
        terminal = truncated = False
        while not (terminal or truncated):
            decision = policy.decide(observation, rng)
            action = self._profile.action_space.project(decision.action)
            state, reward, terminal, truncated, info = self._environment.step(action)
            executed = np.asarray(info.get("executed", action), np.float32)
            step = Step(observation, action, executed, float(reward), bool(terminal), decision.q)
            steps.append(replace(step, log_density=decision.log_density))
            observation = self._observe(state, info)
        return Episode(
            episode_id,
            tuple(steps),
            observation,
            success=bool(info.get("success", False)),
            truncated=not terminal,
            profile=self._profile.name,
            policy=policy.name,
            seed=seed,
        )

    def _observe(self, state: NDArray[Any], info: dict[str, Any]) -> Observation:
        observation = Observation(NO_IMAGE, np.asarray(state, np.float32), 0.0, info.get("privileged"))
        observation.validate(self._profile.observation)
        return observation
