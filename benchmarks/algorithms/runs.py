"""One run: an algorithm learns a task with a seed and is measured along the way and at its end."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.algorithms.measure import Act, run_episodes
from benchmarks.algorithms.tasks import TASKS, Task
from qtopt_agent.core.episode import Episode
from qtopt_agent.learning.parts import evaluation_maximizer
from qtopt_agent.learning.preset import load_preset
from qtopt_agent.training.environment import EnvironmentTraining

POINTS = 10  # of a learning curve
BASELINE = "sb3-"  # what names of algorithms that are not ours begin with
AT_ONCE = 20  # episodes in lockstep
# Seeds of measured episodes, the same for every algorithm; episodes to learn from have seeds of 32 random bits.
POINT_SEEDS, FINAL_SEEDS = 10**6, 2 * 10**6
# For planning: seconds on one core, of a preset that takes 10 ms for a gradient step, and how others compare.
SECONDS = {"pendulum": 75.0, "two-modes": 35.0, "grasp": 160.0}
SLOWER = {"dqn": 1.3, "lowdim": 1.3, "paper": 0.8, "ddpg": 0.8, "naf": 0.8, "q2opt": 2.0, "qtopt-v2": 1.6}
SLOWER |= {"sb3-ddpg": 1.4, "sb3-td3": 1.5, "sb3-sac": 1.6}


@dataclass(frozen=True)
class Job:
    """What one run is: `algorithm` is a baseline, or a preset with settings behind it ("compact+target=hard").

    `share` of the task's budget; `objects` that the final grasping policy is measured on.
    """

    task: str
    algorithm: str
    seed: int
    share: float
    objects: str

    @property
    def name(self) -> str:
        """Name of the run's file, without its ending."""
        return f"{self.task}-{self.algorithm}-{self.seed}"

    @property
    def cost(self) -> float:
        """About how long it takes compared with others."""
        return SECONDS[self.task] * self.share * SLOWER.get(self.algorithm, 1.0)


class Curve:
    """Measures a learning policy each time another tenth of its environment steps is done."""

    def __init__(self, task: Task, report: Callable[[float], None]) -> None:
        self.points: list[dict[str, Any]] = []
        self.seconds = 0.0
        self._tenths = 0
        self._steps, self._report = task.budget.environment_steps, report
        count = min(AT_ONCE, task.point_episodes)
        self._environments = [task.make("validation") for _ in range(count)]
        self._seeds = range(POINT_SEEDS, POINT_SEEDS + task.point_episodes)

    def follow(self, steps: int, act: Act) -> None:
        """Tell that `steps` environment steps are done, and how the policy now acts."""
        self._report(min(1.0, steps / self._steps))
        tenths = steps * POINTS // self._steps
        if tenths > self._tenths:
            self._tenths = tenths
            start = time.perf_counter()
            outcome = run_episodes(act, self._environments, self._seeds)
            self.points.append({"steps": steps, **outcome.summary()})
            self.seconds += time.perf_counter() - start


def run(job: Job, report: Callable[[float], None]) -> dict[str, Any]:
    """Carry out `job`; `report` is told the share done, 0..1. Returns plain values for its file."""
    task = TASKS[job.task].shortened(job.share)
    curve = Curve(task, report)
    start = time.perf_counter()
    if job.algorithm.startswith(BASELINE):
        from benchmarks.algorithms import baselines  # Stable-Baselines3 may not be installed

        act, gradient_steps = baselines.learn(job.algorithm, task, job.seed, curve.follow)
    else:
        act, gradient_steps = _learn(job.algorithm, task, job.seed, curve)
    seconds = time.perf_counter() - start - curve.seconds
    environments = [task.make(job.objects) for _ in range(min(AT_ONCE, task.final_episodes))]
    first = FINAL_SEEDS + job.seed * task.final_episodes
    final = run_episodes(act, environments, range(first, first + task.final_episodes))
    return {
        "job": asdict(job),
        "environment_steps": curve.points[-1]["steps"],
        "gradient_steps": gradient_steps,
        "seconds": round(seconds, 1),
        "curve": curve.points,
        "final": final.summary(),
    }


def _learn(algorithm: str, task: Task, seed: int, curve: Curve) -> tuple[Act, int]:
    name, *settings = algorithm.split("+")
    preset = task.settings(load_preset(name).override(settings))
    with tempfile.TemporaryDirectory() as folder:
        training = EnvironmentTraining(
            preset,
            task.profile,
            task.rescaled("train"),
            task.warm_up(task.profile),
            task.budget,
            Path(folder),
            seed,
            task.mirrors,
        )
        maximizer, generator = evaluation_maximizer(preset, task.profile), torch.Generator().manual_seed(seed)

        def act(states: NDArray[np.float32]) -> NDArray[np.float32]:
            q, image = training.learner.acting.eval(), torch.zeros([len(states), 0, 0, 3], dtype=torch.uint8)
            return maximizer(q, q.encode(image), torch.from_numpy(states), generator).action.numpy()

        def on_episode(episode: Episode) -> None:
            curve.follow(training.environment_steps, act)

        training.run(on_episode)
        return act, training.learner.step_count
