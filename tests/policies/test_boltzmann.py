import numpy as np
import pytest
import torch

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.observation import Observation
from qtopt_agent.core.profile import LOWDIM
from qtopt_agent.maximizers import CEM, Grid, Proposal
from qtopt_agent.policies import BoltzmannPolicy, GreedyPolicy
from qtopt_agent.q_functions import make_q_function

SEEN = Observation(np.zeros((0, 0, 3), np.uint8), np.full(LOWDIM.observation.state_size, 0.1, np.float32), 0.0)
GRID = Grid(LOWDIM.action_space, (-1.0, 1.0))


def q_function(seed: int = 0):
    """Random, with differences between actions that a temperature can tell apart."""
    q = make_q_function(LOWDIM, seed=seed).eval()
    with torch.no_grad():
        q.head[-1].weight *= 30
    return q


def test_actions_are_drawn_as_often_as_the_softmax_of_their_q_says():
    q, temperature, draws = q_function(), 0.1, 2000
    policy = BoltzmannPolicy(q, GRID, LOWDIM, temperature)
    with torch.no_grad():
        actions = GRID.ask(GRID.start(1), 0, torch.Generator())
        values = torch.sigmoid(q.evaluate(torch.zeros(1, 0), torch.from_numpy(SEEN.state)[None], actions))[0].numpy()
    assert np.ptp(values) > 2 * temperature
    probability = np.exp(values / temperature) / np.exp(values / temperature).sum()
    numbers = {tuple(np.round(action, 4)): i for i, action in enumerate(actions[0].numpy())}
    rng, counts = np.random.default_rng(0), np.zeros(len(numbers))
    for _ in range(draws):
        decision = policy.decide(SEEN, rng)
        number = numbers[tuple(np.round(decision.action, 4))]
        assert decision.q == pytest.approx(values[number], abs=1e-5)
        counts[number] += 1
    # Pearson's chi-square test; four standard deviations above the mean is beyond its 99.9 % quantile.
    statistic = ((counts - draws * probability) ** 2 / (draws * probability)).sum()
    freedom = len(counts) - 1
    assert statistic < freedom + 4 * (2 * freedom) ** 0.5


@pytest.mark.parametrize("maximizer", [CEM(LOWDIM.action_space), CEM(LOWDIM.action_space, iterations=1), GRID])
def test_without_temperature_to_speak_of_it_is_greedy(maximizer):
    q = q_function()
    greedy, cold = GreedyPolicy(q, maximizer, LOWDIM), BoltzmannPolicy(q, maximizer, LOWDIM, 1e-9)
    for seed in range(20):
        best, drawn = (p.decide(SEEN, np.random.default_rng(seed)) for p in (greedy, cold))
        np.testing.assert_array_equal(drawn.action, best.action)
        assert drawn.q == pytest.approx(best.q)


def test_heat_spreads_the_choice():
    q, cem = q_function(), CEM(LOWDIM.action_space)

    def mean_q(temperature: float) -> float:
        policy, rng = BoltzmannPolicy(q, cem, LOWDIM, temperature), np.random.default_rng(0)
        return float(np.mean([policy.decide(SEEN, rng).q for _ in range(200)]))

    assert mean_q(0.001) > mean_q(0.05) > mean_q(100.0)


def test_every_action_is_valid_and_its_density_unknown():
    policy, rng = BoltzmannPolicy(q_function(), CEM(LOWDIM.action_space), LOWDIM, 1.0), np.random.default_rng(0)
    for _ in range(50):
        decision = policy.decide(SEEN, rng)
        np.testing.assert_allclose(LOWDIM.action_space.project(decision.action), decision.action, atol=1e-6)
        assert np.isnan(decision.log_density)


def test_the_same_seed_gives_the_same_decisions():
    policy = BoltzmannPolicy(q_function(), CEM(LOWDIM.action_space), LOWDIM, 0.1)
    one, two, other = (policy.decide(SEEN, np.random.default_rng(seed)).action for seed in (1, 1, 2))
    assert np.array_equal(one, two) and not np.array_equal(one, other)


@pytest.mark.parametrize("temperature", [0, -1, np.nan, np.inf])
def test_impossible_temperatures_are_refused(temperature):
    with pytest.raises(InvalidInput, match="temperature"):
        BoltzmannPolicy(q_function(), GRID, LOWDIM, temperature)


def test_a_maximiser_without_samples_is_refused():
    with pytest.raises(InvalidInput, match="Proposal has no samples"):
        BoltzmannPolicy(q_function(), Proposal(LOWDIM.action_space), LOWDIM, 1.0)


def test_draws_at_once_are_those_made_one_by_one():
    policy = BoltzmannPolicy(q_function(), CEM(LOWDIM.action_space), LOWDIM, 0.1, fewest=4)
    alone = [policy.decide(SEEN, np.random.default_rng(seed)) for seed in range(3)]
    together = policy.decide_all([SEEN] * 3, [np.random.default_rng(seed) for seed in range(3)])
    assert [one.action.tobytes() for one in alone] == [one.action.tobytes() for one in together]
