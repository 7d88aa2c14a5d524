"""The three tasks: what is seen and done, how rewards become Q values within 0..1, and how long a run is."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import gymnasium
import numpy as np

from benchmarks.algorithms.two_modes import TwoModes
from qtopt_agent.core.action import ActionSpace
from qtopt_agent.core.mirrors import ACTION_NAMES, MIRRORS, signs
from qtopt_agent.core.observation import Observation, ObservationSpec
from qtopt_agent.core.policy import Decision, Policy
from qtopt_agent.core.profile import LOWDIM, Profile
from qtopt_agent.learning.preset import Preset
from qtopt_agent.learning.symmetry import Mirror
from qtopt_agent.simulation.environment import GraspEnvironment
from qtopt_agent.simulation.scripted import ScriptedPolicy
from qtopt_agent.training.environment import Budget

Environment = gymnasium.Env[Any, Any]


class UniformPolicy:
    """A uniform random action."""

    name = "uniform"

    def __init__(self, profile: Profile) -> None:
        self._space = profile.action_space

    def decide(self, observation: Observation, rng: np.random.Generator) -> Decision:
        """See Policy."""
        return Decision(self._space.sample(rng))


@dataclass(frozen=True)
class Task:
    """One task. Baselines learn from the rewards as they are, our learner from (reward - offset) * scale.

    make: an environment, with the objects of a split where there are any. warm_up: what acts before anything is
    learned. grid_levels: what `dqn` can choose of in each dimension. point_episodes: of each point of a learning curve.
    final_episodes: of the measurement of the final checkpoint. needs_float32: its actions differ by less than
    bf16 can tell.
    """

    name: str
    profile: Profile
    make: Callable[[str], Environment]
    budget: Budget
    warm_up: Callable[[Profile], Policy]
    grid_levels: tuple[float, ...]
    point_episodes: int
    final_episodes: int
    offset: float = 0.0
    scale: float = 1.0
    mirrors: tuple[Mirror, ...] = ()
    needs_float32: bool = False

    @property
    def begins_scripted(self) -> bool:
        """Whether the first data is of episodes that know what to do, rather than of random actions."""
        return self.warm_up is not UniformPolicy

    def rescaled(self, objects: str) -> Environment:
        """The environment with the rewards that our learner sees."""
        return gymnasium.wrappers.TransformReward(self.make(objects), lambda r: (float(r) - self.offset) * self.scale)

    def settings(self, preset: Preset) -> Preset:
        """How `preset` learns this task.

        What the preset says of its algorithm stays: Q-function, maximiser, loss, targets, n-step returns, replay,
        exploration, batch, optimiser. What it says of its own task goes, because the numbers seen here take its place:
        the camera's auxiliary loss, the data it begins with, the length of the run. The levels of a grid belong to the
        action space, and bf16 stays only where it can tell actions apart.
        """
        bf16 = preset.optimizer.bf16 and not self.needs_float32
        return preset.changed(auxiliary_weight=0.0, bf16=bf16, grid_levels=self.grid_levels)

    def shortened(self, share: float) -> "Task":
        """The same task with a `share` (0..1) of its environment steps and episodes, for trying things out."""
        budget = self.budget
        steps = max(60, round(share * budget.environment_steps))
        warm_up = max(20, round(share * budget.warm_up_steps))
        return replace(
            self,
            budget=replace(budget, environment_steps=steps, warm_up_steps=warm_up),
            point_episodes=max(2, round(share * self.point_episodes)),
            final_episodes=max(2, round(share * self.final_episodes)),
        )


PENDULUM_WORST = -(np.pi**2 + 0.1 * 8**2 + 0.001 * 2**2)  # reward of the worst state and action; 0 is the best
PENDULUM_DISCOUNT = 0.95

TASKS = {
    task.name: task
    for task in (
        Task(
            name="pendulum",
            profile=Profile(
                name="pendulum",
                network="mlp",
                observation=ObservationSpec((0, 0), ("cos_angle", "sin_angle", "speed")),
                action_space=ActionSpace((-2.0,), (2.0,)),
                max_steps=200,
                step_cost=0.0,
                discount=PENDULUM_DISCOUNT,
            ),
            make=lambda objects: gymnasium.make("Pendulum-v1"),
            budget=Budget(environment_steps=6_000, gradient_ratio=1.0, warm_up_steps=400),
            warm_up=UniformPolicy,
            grid_levels=tuple(np.linspace(-1, 1, 15).tolist()),
            point_episodes=10,
            final_episodes=50,
            offset=PENDULUM_WORST,
            scale=(1 - PENDULUM_DISCOUNT) / -PENDULUM_WORST,
            needs_float32=True,
        ),
        Task(
            name="two-modes",
            profile=Profile(
                name="two-modes",
                network="mlp",
                observation=ObservationSpec((0, 0), ("cos_direction", "sin_direction")),
                action_space=ActionSpace((-1.0, -1.0), (1.0, 1.0)),
                max_steps=1,
                step_cost=0.0,
                discount=0.9,
            ),
            make=lambda objects: TwoModes(),
            budget=Budget(environment_steps=2_500, gradient_ratio=1.0, warm_up_steps=800),
            warm_up=UniformPolicy,
            grid_levels=(-1.0, -0.5, 0.0, 0.5, 1.0),
            point_episodes=100,
            final_episodes=500,
        ),
        Task(
            name="grasp",
            profile=LOWDIM,
            make=lambda objects: GraspEnvironment("lowdim", objects),
            budget=Budget(environment_steps=25_000, gradient_ratio=0.4, warm_up_steps=8_000),
            warm_up=ScriptedPolicy,
            grid_levels=(-0.4, 0.0, 0.4),
            point_episodes=60,
            final_episodes=200,
            mirrors=tuple(
                Mirror(axis, signs(ACTION_NAMES, flipped), signs(LOWDIM.observation.state_names, flipped), ())
                for axis, flipped in MIRRORS
            ),
        ),
    )
}
