"""How fast the embedded simulator runs on one core."""

import time
from dataclasses import dataclass, replace

import numpy as np

from qtopt_agent.core.action import Action
from qtopt_agent.core.looks import of_kind
from qtopt_agent.core.profile import COMPACT
from qtopt_agent.simulation import make_robot
from qtopt_agent.simulation.scripted import ScriptedPolicy


@dataclass(frozen=True)
class SimulationSpeed:
    """A control step is 0.2 s of simulated time, picture included; a reset lays out new objects.

    picture_ms: the median of an observation, of which a picture is nearly all.
    """

    image_px: int
    objects: int
    looks: str
    control_steps_per_s: float
    picture_ms: float
    reset_ms: float


def measure_simulation(
    image_px: int, objects: int, seconds: float, seed: int = 0, looks: str = "plain"
) -> SimulationSpeed:
    """Run scripted grasps for about `seconds`; steps and resets are timed apart.

    `image_px` 0 renders nothing; `looks`: a kind of Looks.
    """
    spec = replace(COMPACT.observation, image_size=(image_px, image_px))
    profile = replace(COMPACT, observation=spec)
    robot = make_robot(profile, "train", (objects, objects), looks=of_kind(looks))
    policy = ScriptedPolicy(profile)
    rng = np.random.default_rng(seed)
    steps = resets = 0
    stepping = resetting = 0.0
    looking: list[float] = []
    while stepping + resetting < seconds or not steps:
        start = time.perf_counter()
        observation = robot.reset(int(rng.integers(2**31)))
        resetting += time.perf_counter() - start
        resets += 1
        for _ in range(profile.max_steps):
            action = Action.from_vector(policy.decide(observation, rng).action)
            if action.terminate:
                break
            start = time.perf_counter()
            robot.execute(action)
            moved = time.perf_counter()
            observation = robot.observe()
            looking.append(time.perf_counter() - moved)
            stepping += time.perf_counter() - start
            steps += 1
    return SimulationSpeed(
        image_px, objects, looks, steps / stepping, 1000 * float(np.median(looking)), 1000 * resetting / resets
    )
