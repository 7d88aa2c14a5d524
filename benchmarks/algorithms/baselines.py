"""Stable-Baselines3's DDPG, TD3 and SAC with their defaults, on the same tasks and from the same first data.

They see states and actions in the units of our networks, and discount as the task does. Left to flags between 0 and 1,
TD3 and SAC did not grasp once; choosing the mode with the highest score, TD3 does.
"""

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3 import DDPG, SAC, TD3
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

from benchmarks.algorithms.measure import Act
from benchmarks.algorithms.tasks import Environment, Task
from qtopt_agent.maximizers.action_code import ActionCode
from qtopt_agent.q_functions.base import METRES_PER_UNIT
from qtopt_agent.rollouts.environment_runner import EnvironmentRunner
from qtopt_agent.training.environment import warm_up_episodes

NOISE = 0.1  # on DDPG's and TD3's actions, as a share of their range to either side: as in the manual's examples


def learn(name: str, task: Task, seed: int, follow: Callable[[int, Act], None]) -> tuple[Act, int]:
    """Learn `task` with "sb3-ddpg", "sb3-td3" or "sb3-sac".

    `follow` is told, after each environment step, how many there were and how the policy now acts. Returns how it acts
    at the end, and its gradient steps.
    """
    budget, scale = task.budget, _scale(task)
    coding = Coding(task)
    environment = coding.wrap(_scaled(task.make("train"), scale))
    settings: dict[str, Any] = {"seed": seed, "device": "cpu", "gamma": task.profile.discount}
    settings["buffer_size"] = budget.environment_steps
    settings["learning_starts"] = 0 if task.begins_scripted else budget.warm_up_steps
    if name == "sb3-sac":
        model: OffPolicyAlgorithm = SAC("MlpPolicy", environment, **settings)
    else:
        noise = NormalActionNoise(np.zeros(coding.size), np.full(coding.size, NOISE))
        kind = {"sb3-ddpg": DDPG, "sb3-td3": TD3}[name]
        model = kind("MlpPolicy", environment, action_noise=noise, **settings)

    def act(states: NDArray[np.float32]) -> NDArray[np.float32]:
        return coding.decode(model.predict(states * scale, deterministic=True)[0])

    steps = _fill(model, task, coding, seed, scale) if task.begins_scripted else 0
    model.learn(budget.environment_steps - steps, _Follow(lambda done: follow(done, act), steps))
    return act, int(model._n_updates)


class Coding:
    """Actions in -1..1: a number for each unit coordinate, then, where there are modes, a score for each."""

    def __init__(self, task: Task) -> None:
        self._code = ActionCode(task.profile.action_space)
        self._modes = self._code.choices if self._code.choices > 1 else 0
        self.size = self._code.unit_size + self._modes

    def decode(self, coded: NDArray[np.float32]) -> NDArray[np.float32]:
        """Valid actions [N, A] with the mode that has the highest score, from [N, size]."""
        unit, scores = torch.from_numpy(coded).float()[:, None].split([self._code.unit_size, self._modes], -1)
        choice = scores.argmax(-1) if self._modes else torch.zeros(unit.shape[:2], dtype=torch.long)
        return self._code.decode(unit, choice)[:, 0].numpy()

    def encode(self, action: NDArray[np.float32]) -> NDArray[np.float32]:
        """A coded action [size] that `decode` turns into `action` [A]."""
        unit, choice = self._code.encode(torch.from_numpy(action)[None, None])
        return torch.cat([unit, 2 * choice[..., : self._modes] - 1], -1)[0, 0].numpy()

    def wrap(self, environment: Environment) -> Environment:
        """The environment with coded actions."""
        coded = spaces.Box(-1.0, 1.0, (self.size,), np.float32)
        return gymnasium.wrappers.TransformAction(environment, lambda action: self.decode(action[None])[0], coded)


class _Follow(BaseCallback):
    """Reports each environment step; `before` of them went before learning."""

    def __init__(self, report: Callable[[int], None], before: int) -> None:
        super().__init__()
        self._report, self._before = report, before

    def _on_step(self) -> bool:
        self._report(self._before + self.num_timesteps)
        return True


def _fill(model: OffPolicyAlgorithm, task: Task, coding: Coding, seed: int, scale: NDArray[np.float32]) -> int:
    """Put the episodes that our learner begins with into the replay; returns how many steps these are."""
    runner, steps = EnvironmentRunner(task.make("train"), task.profile), 0
    for episode in warm_up_episodes(runner, task.warm_up(task.profile), task.budget, seed):
        states = [step.observation.state * scale for step in episode.steps] + [episode.final.state * scale]
        for i, step in enumerate(episode.steps):
            action = coding.encode(step.commanded)
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
