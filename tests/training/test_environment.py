"""Episodes of Gymnasium environments, and learning from them in one process."""

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces

from qtopt_agent.core.action import ActionSpace
from qtopt_agent.core.episode import Episode
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.observation import Observation, ObservationSpec
from qtopt_agent.core.policy import Decision
from qtopt_agent.core.profile import LOWDIM, Profile
from qtopt_agent.learning.preset import Preset, load_preset
from qtopt_agent.rollouts.environment_runner import EnvironmentRunner
from qtopt_agent.rollouts.episode_runner import EpisodeRunner
from qtopt_agent.simulation import make_robot
from qtopt_agent.simulation.environment import GraspEnvironment
from qtopt_agent.simulation.scripted import ScriptedPolicy
from qtopt_agent.training.environment import Budget, EnvironmentTraining, warm_up_episodes

LINE = Profile("line", "mlp", ObservationSpec((0, 0), ("place",)), ActionSpace((-1.0,), (1.0,)), 5, 0.0, 0.9)


class Line(gymnasium.Env[np.ndarray, np.ndarray]):
    """A place on a line that the action moves; the reward is always 0.1. It ends beyond 1, or is cut at 5 steps."""

    def __init__(self) -> None:
        self.observation_space = spaces.Box(-np.inf, np.inf, (1,), np.float32)
        self.action_space = spaces.Box(-1.0, 1.0, (1,), np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        self._place, self._steps = self.np_random.uniform(-1, 1, 1).astype(np.float32), 0
        return self._place, {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        assert (np.abs(action) <= 1).all()
        self._place, self._steps = self._place + action, self._steps + 1
        terminal = bool(self._place[0] > 1)
        return self._place, 0.1, terminal, self._steps == 5, {"success": terminal}


class Push:
    """The same action always, however far out of bounds."""

    name = "push"

    def __init__(self, push: float) -> None:
        self._push = np.array([push], np.float32)

    def decide(self, observation: Observation, rng: np.random.Generator) -> Decision:
        return Decision(self._push, log_density=0.25)


class Wander:
    """Uniform random actions."""

    name = "wander"

    def decide(self, observation: Observation, rng: np.random.Generator) -> Decision:
        return Decision(LINE.action_space.sample(rng))


def _preset(*settings: str) -> Preset:
    small = ["batch_size=8", "cem_samples=8", "cem_elites=2", "cem_iterations=1", "bf16=false", "symmetry=false"]
    return load_preset("lowdim").override([*small, *settings])


def _trained(folder: Path, *settings: str, seed: int = 3) -> EnvironmentTraining:
    training = EnvironmentTraining(_preset(*settings), LINE, Line(), Wander(), Budget(80, 0.5, 20), folder, seed)
    training.run()
    return training


def test_an_episode_holds_what_the_environment_said_and_actions_within_bounds() -> None:
    episode = EnvironmentRunner(Line(), LINE).run(Push(9.0), np.random.default_rng(0), 4, "x")
    start = np.random.default_rng(4).uniform(-1, 1)
    places = [step.observation.state[0] for step in episode.steps] + [episode.final.state[0]]
    np.testing.assert_allclose(places, start + np.arange(len(places)), rtol=1e-6)
    assert episode.success and not episode.truncated and episode.steps[-1].terminal
    assert all(step.commanded == 1.0 and step.log_density == 0.25 and step.reward == 0.1 for step in episode.steps)


def test_a_grasp_is_the_same_as_in_the_episode_runner() -> None:
    robot, policy = make_robot(LOWDIM), ScriptedPolicy(LOWDIM)
    theirs = EpisodeRunner(robot, LOWDIM, robot.succeeded).run(policy, np.random.default_rng(1), 7, "x")
    mine = EnvironmentRunner(GraspEnvironment("lowdim"), LOWDIM).run(policy, np.random.default_rng(1), 7, "x")
    assert (mine.success, mine.total_reward, mine.truncated) == (theirs.success, theirs.total_reward, False)
    for a, b in zip(mine.steps, theirs.steps, strict=True):
        np.testing.assert_allclose(a.commanded, b.commanded, atol=1e-4)
        np.testing.assert_allclose(a.executed, b.executed, atol=1e-4)
        np.testing.assert_allclose(a.observation.state, b.observation.state, atol=1e-4)


def test_an_environment_of_other_numbers_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"observation space .* shape \(10,\) as in 'lowdim'"):
        EnvironmentRunner(Line(), LOWDIM)


def test_a_truncated_episode_bootstraps_and_a_terminal_one_does_not(tmp_path: Path) -> None:
    for push, discount in ((0.0, 0.9), (1.0, 0.0)):
        budget = Budget(10, 0.5, 5)
        training = EnvironmentTraining(_preset(), LINE, Line(), Push(push), budget, tmp_path / str(push))
        episodes: list[Episode] = []
        training.run(episodes.append)
        ends = np.cumsum([len(episode.steps) + 1 for episode in episodes]) - 2  # rows of the last transitions
        batch = training.store.sample(200, np.random.default_rng(0))
        last = np.isin(batch.rows, ends[:1])
        assert episodes[0].truncated == (discount > 0) and last.any()
        np.testing.assert_allclose(batch.discount[last], discount)


def test_q_of_a_task_that_never_ends_is_its_discounted_sum(tmp_path: Path) -> None:
    settings = ("target=polyak", "ema_decay=0.9", "learning_rate=0.01", "final_learning_rate=0.01", "mc_bound_until=0")
    budget = Budget(600, 1.0, 100)
    profile = Profile("line", "mlp", LINE.observation, LINE.action_space, 5, 0.0, 0.5)
    training = EnvironmentTraining(_preset(*settings), profile, Line(), Push(0.0), budget, tmp_path, 0)
    training.run()
    batch = training.store.sample(64, np.random.default_rng(0))
    image, state = torch.zeros([64, 0, 0, 3]), torch.from_numpy(batch.state)
    with torch.no_grad():
        q = torch.sigmoid(training.learner.acting(image, state, torch.from_numpy(batch.action)[:, None]))
    running_on = batch.discount > 0
    np.testing.assert_allclose(q[running_on].mean(), 0.1 / (1 - 0.5), atol=0.03)


@pytest.mark.parametrize("settings", [(), ("replay=prioritised", "n_step=3", "n_step_correction=cut")])
def test_the_same_seed_gives_the_same_run(tmp_path: Path, settings: tuple[str, ...]) -> None:
    first, again, other = (_trained(tmp_path / str(i), *settings, seed=s) for i, s in enumerate((3, 3, 4)))
    weights = [list(training.learner.network.state_dict().values()) for training in (first, again, other)]
    assert all(torch.equal(a, b) for a, b in zip(weights[0], weights[1], strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(weights[0], weights[2], strict=True))


def test_a_run_spends_its_budget_and_tells_every_episode(tmp_path: Path) -> None:
    budget, episodes = Budget(80, 0.5, 20), []
    training = EnvironmentTraining(_preset(), LINE, Line(), Wander(), budget, tmp_path)
    training.run(episodes.append)
    steps = [len(episode.steps) for episode in episodes]
    assert training.environment_steps == sum(steps) and 80 <= sum(steps) < 85
    assert training.learner.step_count == 40
    assert episodes[0].policy == "wander" and episodes[-1].policy != "wander"
    warm_up = list(warm_up_episodes(EnvironmentRunner(Line(), LINE), Wander(), budget, 0))
    for a, b in zip(warm_up, episodes, strict=False):
        assert [step.commanded.tolist() for step in a.steps] == [step.commanded.tolist() for step in b.steps]


def test_budgets_and_folders_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    for wrong in ((10, 0.5, 0), (10, 0.5, 10), (10, 0.05, 5)):
        with pytest.raises(InvalidInput, match="warm_up_steps"):
            Budget(*wrong)
    _trained(tmp_path)
    with pytest.raises(InvalidInput, match=r"holds .* episodes already"):
        _trained(tmp_path)
