"""Runs one grasp attempt on any Robot with any Policy."""

import time
from collections.abc import Callable

import numpy as np

from qtopt_agent.core.action import Action
from qtopt_agent.core.episode import Episode, Step
from qtopt_agent.core.policy import Policy
from qtopt_agent.core.profile import Profile
from qtopt_agent.core.robot import Robot


class EpisodeRunner:
    """`judge` says whether the grasp has succeeded; it is asked once, after the last step."""

    def __init__(self, robot: Robot, profile: Profile, judge: Callable[[], bool]) -> None:
        self._robot = robot
        self._profile = profile
        self._judge = judge

    def run(
        self,
        policy: Policy,
        rng: np.random.Generator,
        seed: int,
        episode_id: str,
        model_version: str = "",
        on_step: Callable[[Step], None] | None = None,
    ) -> Episode:
        """Reset the robot with `seed` and act until the policy terminates or the profile's step limit.

        The reward is the profile's: success on the last step, the step cost on every step before it.
        """
        profile = self._profile
        observation = self._robot.reset(seed)
        observation.validate(profile.observation)
        steps: list[Step] = []
        terminal = False
        while not terminal:
            decision = policy.decide(observation, rng)
            inferred = time.time()
            action = Action.from_vector(profile.action_space.project(decision.action))
            executed = self._robot.execute(action)
            terminal = action.terminate or len(steps) + 1 >= profile.max_steps
            after = self._robot.observe()
            after.validate(profile.observation)
            success = terminal and self._judge()
            step = Step(
                observation,
                action.to_vector(),
                executed.to_vector(),
                profile.reward(terminal, success),
                terminal,
                decision.q,
                inferred,
                time.time(),
                decision.log_density,
            )
            steps.append(step)
            if on_step is not None:
                on_step(step)
            observation = after
        names = getattr(self._robot, "object_names", ())
        return Episode(
            episode_id,
            tuple(steps),
            observation,
            success,
            profile=profile.name,
            model_version=model_version,
            policy=policy.name,
            seed=seed,
            objects=tuple(names),
        )
