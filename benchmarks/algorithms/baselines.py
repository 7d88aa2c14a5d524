"""Stable-Baselines3's DDPG, TD3 and SAC with their defaults, on the same tasks and from the same first data."""

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3 import DDPG, SAC, TD3
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

from benchmarks.algorithms.measure import Act
from benchmarks.algorithms.tasks import Environment, Task
from qtopt_agent.q_functions.base import METRES_PER_UNIT
from qtopt_agent.runtime.environment_runner import EnvironmentRunner
from qtopt_agent.runtime.environment_training import warm_up_episodes

NOISE = 0.1  # on DDPG's and TD3's actions, as a share of their range to either side: as in the manual's examples


def learn(name: str, task: Task, seed: int, follow: Callable[[int, Act], None]) -> tuple[Act, int]:
    """Learn `task` with "sb3-ddpg", "sb3-td3" or "sb3-sac", or one of these with "-alone": without scripted episodes.

    `follow` is told, after each environment step, how many there were and how the policy now acts. Returns how it acts
    at the end, and its gradient steps.
    """
    algorithm, budget = name.removesuffix("-alone"), task.budget
    scripted = task.begins_scripted and algorithm == name
    scale = _scale(task)
    environment = _scaled(task.make("train"), scale)
    settings: dict[str, Any] = {"seed": seed, "device": "cpu", "buffer_size": budget.environment_steps}
    settings["learning_starts"] = 0 if scripted else 100 if task.begins_scripted else budget.warm_up_steps
    if algorithm == "sb3-sac":
        model: OffPolicyAlgorithm = SAC("MlpPolicy", environment, **settings)
    else:
        size = task.profile.action_space.size
        noise = NormalActionNoise(np.zeros(size), np.full(size, NOISE))
        kind = {"sb3-ddpg": DDPG, "sb3-td3": TD3}[algorithm]
        model = kind("MlpPolicy", environment, action_noise=noise, **settings)

    def act(states: NDArray[np.float32]) -> NDArray[np.float32]:
        return model.predict(states * scale, deterministic=True)[0]

    steps = _fill(model, task, seed, scale) if scripted else 0
    model.learn(budget.environment_steps - steps, _Follow(lambda done: follow(done, act), steps))
    return act, int(model._n_updates)


class _Follow(BaseCallback):
    """Catches up on the gradient steps of the scripted part, then reports each step."""

    def __init__(self, report: Callable[[int], None], before: int) -> None:
        super().__init__()
        self._report, self._before = report, before

    def _on_training_start(self) -> None:
        if self._before:
            self.model.train(gradient_steps=self._before, batch_size=self.model.batch_size)
            self._report(self._before)

    def _on_step(self) -> bool:
        self._report(self._before + self.num_timesteps)
        return True


def _fill(model: OffPolicyAlgorithm, task: Task, seed: int, scale: NDArray[np.float32]) -> int:
    """Put the episodes that our learner begins with into the replay; returns how many steps these are."""
    runner, steps = EnvironmentRunner(task.make("train"), task.profile), 0
    for episode in warm_up_episodes(runner, task.warm_up(task.profile), task.budget, seed):
        states = [step.observation.state * scale for step in episode.steps] + [episode.final.state * scale]
        for i, step in enumerate(episode.steps):
            action = model.policy.scale_action(step.commanded)
            ends = np.array([step.terminal])
            model.replay_buffer.add(states[i], states[i + 1], action, np.array([step.reward]), ends, [{}])
        steps += len(episode.steps)
    return steps


def _scale(task: Task) -> NDArray[np.float32]:
    """What our networks multiply the state with: metres are small numbers."""
    names = task.profile.observation.state_names
    return np.array([1 / METRES_PER_UNIT if name.endswith("_m") else 1.0 for name in names], np.float32)


def _scaled(environment: Environment, scale: NDArray[np.float32]) -> Environment:
    space = environment.observation_space
    wanted = spaces.Box(space.low * scale, space.high * scale, space.shape, np.float32)
    return gymnasium.wrappers.TransformObservation(environment, lambda state: state * scale, wanted)
