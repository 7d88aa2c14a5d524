"""The Gymnasium environment."""

import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.profile import LOWDIM
from qtopt_agent.rollouts.episode_runner import EpisodeRunner
from qtopt_agent.simulation import make_robot
from qtopt_agent.simulation.environment import ENVIRONMENT_ID
from qtopt_agent.simulation.scripted import ScriptedPolicy


def _stop(shape: tuple[int, ...]) -> np.ndarray:
    action = np.zeros(shape, np.float32)
    action[..., 4] = action[..., 7] = 1.0
    return action


@pytest.mark.parametrize("profile", ["compact", "lowdim"])
def test_gymnasiums_own_checker_finds_nothing_to_warn_about(profile: str) -> None:
    environment = gymnasium.make(ENVIRONMENT_ID, profile=profile, clutter=(1, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(environment.unwrapped)


def test_an_episode_earns_what_it_earns_in_the_episode_runner() -> None:
    robot = make_robot(LOWDIM)
    episodes = [
        EpisodeRunner(robot, LOWDIM, robot.succeeded).run(ScriptedPolicy(LOWDIM), np.random.default_rng(s), s, str(s))
        for s in range(12)
    ]
    assert {episode.success for episode in episodes} == {True, False}
    environment = gymnasium.make(ENVIRONMENT_ID, profile="lowdim")
    for seed, episode in enumerate(episodes):
        environment.reset(seed=seed)
        for step in episode.steps:
            _, reward, terminated, truncated, info = environment.step(step.commanded)
            assert (reward, terminated, truncated) == (step.reward, step.terminal, False)
            assert info["success"] == (terminated and episode.success)


def test_an_episode_ends_at_the_step_limit() -> None:
    environment = gymnasium.make(ENVIRONMENT_ID, profile="lowdim")
    environment.reset(seed=0)
    still = _stop((8,))
    still[7] = 0
    ends = [environment.step(still)[2] for _ in range(LOWDIM.max_steps)]
    assert ends == [False] * (LOWDIM.max_steps - 1) + [True]


def test_bad_actions_and_options_are_refused() -> None:
    environment = gymnasium.make(ENVIRONMENT_ID, profile="lowdim", disable_env_checker=True)
    environment.reset(seed=0)
    for action in (np.full(8, np.nan, np.float32), np.zeros(7, np.float32)):
        with pytest.raises(InvalidInput, match="8 finite numbers"):
            environment.step(action)
    with pytest.raises(InvalidInput, match="unknown profile 'huge'"):
        gymnasium.make(ENVIRONMENT_ID, profile="huge")


def test_the_picture_for_people_shows_the_scene() -> None:
    environment = gymnasium.make(ENVIRONMENT_ID, profile="lowdim", render_mode="rgb_array")
    environment.reset(seed=0)
    picture = environment.render()
    assert isinstance(picture, np.ndarray) and picture.shape == (360, 480, 3) and picture.std() > 20


def test_twenty_environments_run_in_worker_processes() -> None:
    # The "module:id" form registers the environment in a fresh worker too.
    name = f"qtopt_agent.simulation.environment:{ENVIRONMENT_ID}"
    environments = gymnasium.make_vec(
        name, num_envs=20, vectorization_mode="async", vector_kwargs={"context": "forkserver"}, clutter=(1, 3)
    )
    try:
        observation, _ = environments.reset(seed=1)
        assert observation["image"].shape == (20, 32, 32, 3) and observation["state"].shape == (20, 4)
        assert len({image.tobytes() for image in observation["image"]}) == 20
        _, reward, terminated, _, info = environments.step(_stop((20, 8)))
        assert terminated.all() and not reward.any() and not info["success"].any()
        observation, *_ = environments.step(_stop((20, 8)))  # a new episode begins
        assert (observation["state"][:, 3] == 0).all()
    finally:
        environments.close()
