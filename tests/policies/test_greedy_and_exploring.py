import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.observation import Observation
from qtopt_agent.core.policy import Decision, decide_all
from qtopt_agent.core.profile import COMPACT
from qtopt_agent.maximizers import CEM
from qtopt_agent.policies import ExploringPolicy, GreedyPolicy
from qtopt_agent.q_functions import make_q_function

SEEN = Observation(np.full((32, 32, 3), 100, np.uint8), np.zeros(4, np.float32), stamp=0.0)
ACTION = COMPACT.action_space.project(np.array([0.06, -0.06, 0.01, 0.1, 1.0, 1, 0, 0]))


class Fixed:
    name = "fixed"

    def decide(self, observation, rng):
        return Decision(ACTION, 0.5)


def _greedy():
    return GreedyPolicy(make_q_function(COMPACT), CEM(COMPACT.action_space), COMPACT)


def test_greedy_action_beats_random_ones_by_its_own_q():
    policy = _greedy()
    decision = policy.decide(SEEN, np.random.default_rng(0))
    rng = np.random.default_rng(1)
    others = torch.from_numpy(np.stack([COMPACT.action_space.sample(rng) for _ in range(100)]))[None]
    q = make_q_function(COMPACT).eval()
    with torch.no_grad():
        logits = q(torch.from_numpy(SEEN.image)[None], torch.from_numpy(SEEN.state)[None], others)
    assert decision.q > torch.sigmoid(logits).max().item() - 1e-6
    np.testing.assert_allclose(COMPACT.action_space.project(decision.action), decision.action, atol=1e-6)


def test_greedy_repeats_itself_for_the_same_generator():
    policy = _greedy()
    a, b, other = (policy.decide(SEEN, np.random.default_rng(s)).action for s in (1, 1, 2))
    assert np.array_equal(a, b) and not np.array_equal(a, other)


def test_greedy_judges_with_the_network_in_evaluation_mode():
    q = make_q_function(COMPACT).train()
    GreedyPolicy(q, CEM(COMPACT.action_space), COMPACT)
    assert not q.training


def test_greedy_uses_the_weights_of_the_moment():
    q = make_q_function(COMPACT)
    policy = GreedyPolicy(q, CEM(COMPACT.action_space), COMPACT)
    before = policy.decide(SEEN, np.random.default_rng(0)).q
    with torch.no_grad():
        q.head[-1].bias += 1
    assert policy.decide(SEEN, np.random.default_rng(0)).q > before + 0.1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"image": np.zeros((31, 32, 3), np.uint8)}, "image is uint8"),
        ({"image": np.zeros((32, 32, 3), np.float32)}, "image is float32"),
        ({"state": np.zeros(3, np.float32)}, "state is"),
        ({"state": np.array([0, np.nan, 0, 0], np.float32)}, "not finite: height_m"),
    ],
)
def test_greedy_refuses_a_wrong_observation(wrong, message):
    with pytest.raises(InvalidInput, match=message):
        _greedy().decide(dataclasses.replace(SEEN, **wrong), np.random.default_rng(0))


def test_greedy_refuses_a_network_that_gives_nan():
    q = make_q_function(COMPACT)
    with torch.no_grad():
        q.head[-1].bias.fill_(torch.nan)
    with pytest.raises(InvalidInput, match="not finite"):
        GreedyPolicy(q, CEM(COMPACT.action_space), COMPACT).decide(SEEN, np.random.default_rng(0))


def test_exploring_takes_uniform_actions_as_often_as_epsilon_says():
    # quantumiracle/QT_Opt explores not at all.
    policy = ExploringPolicy(Fixed(), COMPACT, epsilon=0.3)
    rng = np.random.default_rng(0)
    decisions = [policy.decide(SEEN, rng) for _ in range(2000)]
    own = np.array([np.array_equal(d.action, ACTION) for d in decisions])
    assert own.mean() == pytest.approx(0.7, abs=0.04)
    assert all(np.isnan(d.q) != mine for d, mine in zip(decisions, own, strict=True)), "a random action has no Q"
    uniform = np.stack([d.action for d, mine in zip(decisions, own, strict=True) if not mine])
    assert uniform[:, :3].std(0) == pytest.approx(0.12 / 12**0.5, rel=0.1)
    assert uniform[:, 5:].mean(0) == pytest.approx(0.25, abs=0.06)


def test_without_epsilon_and_noise_the_policy_is_left_alone():
    policy = ExploringPolicy(Fixed(), COMPACT, epsilon=0.0)
    decision = policy.decide(SEEN, np.random.default_rng(0))
    assert np.array_equal(decision.action, ACTION) and decision.q == 0.5
    assert policy.name == "exploring-fixed"


def test_noise_has_the_size_asked_for_and_spares_the_flags():
    policy = ExploringPolicy(Fixed(), COMPACT, epsilon=0.0, noise=0.2)
    rng = np.random.default_rng(0)
    actions = np.stack([policy.decide(SEEN, rng).action for _ in range(2000)])
    assert actions[:, 2].std() == pytest.approx(0.2 * 0.06, rel=0.1)
    assert np.arctan2(actions[:, 3], actions[:, 4]).std() == pytest.approx(0.2 * np.pi / 3, rel=0.1)
    assert (actions[:, 5:] == [1, 0, 0]).all()
    assert np.isnan(policy.decide(SEEN, rng).q)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**31), st.floats(0, 1), st.floats(0, 10))
def test_every_explored_action_is_valid(seed, epsilon, noise):
    policy = ExploringPolicy(Fixed(), COMPACT, epsilon, noise)
    action = policy.decide(SEEN, np.random.default_rng(seed)).action
    np.testing.assert_allclose(COMPACT.action_space.project(action), action, atol=1e-6)
    assert action.dtype == np.float32


@pytest.mark.parametrize(("epsilon", "noise"), [(-0.1, 0), (1.1, 0), (0, -1), (0, np.nan), (np.nan, 0), (0, np.inf)])
def test_impossible_exploration_is_refused(epsilon, noise):
    with pytest.raises(InvalidInput, match="epsilon"):
        ExploringPolicy(Fixed(), COMPACT, epsilon, noise)


def _seen(count):
    rng = np.random.default_rng(5)
    pictures = rng.integers(0, 256, (count, 32, 32, 3), np.uint8)
    return [Observation(picture, rng.random(4).astype(np.float32), 0.0) for picture in pictures]


def _rngs(count):
    return [np.random.default_rng(i) for i in range(count)]


@pytest.mark.parametrize("explores", [False, True])
def test_decisions_at_once_are_those_made_one_by_one(explores):
    policy = ExploringPolicy(_greedy(), COMPACT, epsilon=0.5, noise=0.1) if explores else _greedy()
    seen = _seen(6)
    alone = [policy.decide(*each) for each in zip(seen, _rngs(6), strict=True)]
    for one, other in zip(alone, decide_all(policy, seen, _rngs(6)), strict=True):
        np.testing.assert_allclose(other.action, one.action, atol=1e-5)
        np.testing.assert_allclose([other.q, other.log_density], [one.q, one.log_density], atol=1e-4)


def test_a_decision_of_a_full_batch_is_the_same_to_the_bit_whatever_else_is_in_it():
    q = make_q_function(COMPACT)
    with torch.no_grad():
        q.head[-1].weight *= 10  # far enough from 0.5 for the last bits to be seen in Q
    policy = GreedyPolicy(q, CEM(COMPACT.action_space), COMPACT, fewest=40)

    def bits(decisions):
        return [(decision.action.tobytes(), decision.q) for decision in decisions]

    seen = _seen(40)
    together = bits(policy.decide_all(seen, _rngs(40)))
    assert bits(policy.decide_all(seen[::-1], _rngs(40)[::-1])) == together[::-1]
    assert bits(policy.decide_all(seen[:4], _rngs(4))) == together[:4]
    assert bits(policy.decide(*each) for each in zip(seen, _rngs(40), strict=True)) == together


def test_a_policy_that_knows_no_batches_decides_one_by_one():
    assert [decision.q for decision in decide_all(Fixed(), _seen(3), _rngs(3))] == [0.5] * 3
