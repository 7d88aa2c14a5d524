import math

import numpy as np
import pytest
import torch

from qtopt_agent.core.action import ActionSpace
from qtopt_agent.core.observation import Observation
from qtopt_agent.core.policy import Decision
from qtopt_agent.core.profile import COMPACT, LOWDIM
from qtopt_agent.maximizers import CEM
from qtopt_agent.maximizers.action_code import ActionCode
from qtopt_agent.policies import ExploringPolicy, GreedyPolicy
from qtopt_agent.policies.exploring import exploring_log_density
from qtopt_agent.q_functions import make_q_function

SEEN = Observation(np.zeros((32, 32, 3), np.uint8), np.zeros(4, np.float32), 0.0)
CODE = ActionCode(COMPACT.action_space)
DECISIONS = 2000
# One coordinate near a bound, so that clipping matters.
ACTION = COMPACT.action_space.project(np.array([0.057, -0.03, 0.01, 0.1, 1.0, 1, 0, 0]))


class Fixed:
    name = "fixed"

    def __init__(self, log_density: float = 0.0) -> None:
        self.log_density = log_density

    def decide(self, observation, rng):
        return Decision(ACTION, 0.5, self.log_density)


def density(code: ActionCode, unit: torch.Tensor, choice: int, greedy: float, epsilon: float, noise: float):
    """Of one-dimensional `unit` [N] with flags `choice`, where the greedy action is `greedy` with choice 0."""
    actions = code.decode(unit[:, None].float(), torch.full([len(unit)], choice))
    best = code.decode(torch.tensor([[greedy]]), torch.zeros(1, dtype=torch.int64))
    return exploring_log_density(code, actions, best.expand(len(unit), -1), epsilon, noise).double().exp()


@pytest.mark.parametrize(
    ("space", "bounded"),
    [
        (ActionSpace((-3.0,), (5.0,), (), ("close",)), True),
        (ActionSpace((), (), (1.0,), ("close",)), True),
        (ActionSpace((), (), (math.pi,), ("close",)), False),
    ],
)
@pytest.mark.parametrize(("greedy", "epsilon", "noise"), [(0.0, 0.3, 0.1), (0.95, 0.1, 0.2), (-0.8, 0.0, 0.5)])
def test_probabilities_add_up_to_one(space, bounded, greedy, epsilon, noise):
    code = ActionCode(space)
    inside = (torch.arange(4000) + 0.5) / 2000 - 1
    total = sum(float(density(code, inside, choice, greedy, epsilon, noise).sum()) / 2000 for choice in (0, 1))
    if bounded:
        total += float(density(code, torch.tensor([-1.0, 1.0]), 0, greedy, epsilon, noise).sum())
    assert total == pytest.approx(1, abs=1e-3)


def test_clipped_actions_hold_the_share_that_lay_beyond_the_bound():
    code = ActionCode(ActionSpace((-1.0,), (1.0,)))
    share = density(code, torch.tensor([1.0]), 0, greedy=1.0, epsilon=0.2, noise=0.1)
    assert float(share) == pytest.approx(0.8 * 0.5)


def test_without_noise_the_greedy_action_holds_its_share_and_others_the_uniform_density():
    code = ActionCode(ActionSpace((-1.0, -1.0), (1.0, 1.0), (), ("close", "open")))
    greedy = torch.tensor([0.5, -0.5, 0, 0])
    actions = torch.stack([greedy, torch.tensor([0.1, 0.1, 0, 1])])
    shares = exploring_log_density(code, actions, greedy.expand(2, -1), 0.3, 0.0).exp()
    torch.testing.assert_close(shares, torch.tensor([0.7, 0.3 / 4 / 3]))


@pytest.mark.parametrize(("epsilon", "noise"), [(0.5, 0.2), (0.2, 0.15), (0.4, 0.0)])
def test_decisions_carry_the_density_they_were_drawn_with(epsilon, noise):
    """The mean of other / own density over decisions is the other's whole probability, 1; and the densities differ."""
    policy, rng = ExploringPolicy(Fixed(), COMPACT, epsilon, noise), np.random.default_rng(0)
    decisions = [policy.decide(SEEN, rng) for _ in range(DECISIONS)]
    own = torch.tensor([d.log_density for d in decisions])
    assert own.isfinite().all()
    actions = torch.from_numpy(np.stack([d.action for d in decisions]))
    other = exploring_log_density(CODE, actions, torch.from_numpy(ACTION).expand_as(actions), 0.3, 0.8 * noise)
    ratio = (other - own).exp()
    assert ratio.std() > 0.05
    assert float(ratio.mean()) == pytest.approx(1, abs=4 * float(ratio.std()) / DECISIONS**0.5)


def test_where_the_policy_does_not_know_its_density_neither_does_the_explorer():
    policy, rng = ExploringPolicy(Fixed(math.nan), COMPACT, 0.5, 0.1), np.random.default_rng(0)
    assert all(math.isnan(policy.decide(SEEN, rng).log_density) for _ in range(20))


def test_a_greedy_policy_is_sure_of_itself():
    seen = Observation(np.zeros((0, 0, 3), np.uint8), np.zeros(LOWDIM.observation.state_size, np.float32), 0.0)
    greedy = GreedyPolicy(make_q_function(LOWDIM), CEM(LOWDIM.action_space), LOWDIM)
    rng = np.random.default_rng(0)
    assert greedy.decide(seen, rng).log_density == 0
    assert ExploringPolicy(greedy, LOWDIM, 0.0, 0.0).decide(seen, rng).log_density == 0
    assert math.isfinite(ExploringPolicy(greedy, LOWDIM, 0.3, 0.1).decide(seen, rng).log_density)


def test_the_same_seed_gives_the_same_decisions():
    policy = ExploringPolicy(Fixed(), COMPACT, 0.5, 0.1)
    runs = [[policy.decide(SEEN, rng).action for _ in range(20)] for rng in map(np.random.default_rng, (1, 1))]
    np.testing.assert_array_equal(*runs)
