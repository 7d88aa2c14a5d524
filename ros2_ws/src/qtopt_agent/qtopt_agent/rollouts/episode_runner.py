"""Runs grasp attempts on any Robot with any Policy."""

import time
from collections.abc import Callable

import numpy as np

from qtopt_agent.core.action import Action
from qtopt_agent.core.episode import Episode, Step
from qtopt_agent.core.policy import Decision, Policy
from qtopt_agent.core.profile import Profile
from qtopt_agent.core.robot import Robot


class Attempt:
    """One attempt, which goes on by a motion for each decision until one terminates or the profile's step limit.

    The reward is the profile's: success on the last step, the step cost on every step before it. `judge` says whether
    the grasp has succeeded; it is asked once, after the last step.
    """

    def __init__(self, robot: Robot, profile: Profile, judge: Callable[[], bool], seed: int) -> None:
        """Reset the robot with `seed`."""
        self.over = False
        self._robot, self._profile, self._judge, self._seed = robot, profile, judge, seed
        self._steps: list[Step] = []
        self._success = False
        self.observation = robot.reset(seed)
        """What the next decision is about."""
        self.observation.validate(profile.observation)

    def act(self, decision: Decision) -> Step:
        """Carry out the decision about `observation`, which is then the one after it."""
        profile = self._profile
        inferred = time.time()
        action = Action.from_vector(profile.action_space.project(decision.action))
        executed = self._robot.execute(action)
        self.over = action.terminate or len(self._steps) + 1 >= profile.max_steps
        after = self._robot.observe()
        after.validate(profile.observation)
        self._success = self.over and self._judge()
        step = Step(
            self.observation,
            action.to_vector(),
            executed.to_vector(),
            profile.reward(self.over, self._success),
            self.over,
            decision.q,
            inferred,
            time.time(),
            decision.log_density,
        )
        self._steps.append(step)
        self.observation = after
        return step

    def episode(self, episode_id: str, policy: str, model_version: str = "") -> Episode:
        """The whole attempt, once it is over; `policy` is the name of what decided."""
        return Episode(
            episode_id,
            tuple(self._steps),
            self.observation,
            self._success,
            profile=self._profile.name,
            model_version=model_version,
            policy=policy,
            seed=self._seed,
            objects=tuple(getattr(self._robot, "object_names", ())),
        )


class EpisodeRunner:
    """Runs one attempt after the other; `judge` as in Attempt."""

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
        """A whole attempt, decided by `policy`."""
        attempt = Attempt(self._robot, self._profile, self._judge, seed)
        while not attempt.over:
            step = attempt.act(policy.decide(attempt.observation, rng))
            if on_step is not None:
                on_step(step)
        return attempt.episode(episode_id, policy.name, model_version)
