import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qtopt_agent.core.action import ActionSpace, grasp_action_space
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.profile import COMPACT
from qtopt_agent.maximizers import CEM, RandomShooting
from qtopt_agent.q_functions import make_q_function

from .conftest import action_spaces

SPACE = COMPACT.action_space
GOAL = torch.tensor([0.03, -0.02, 0.055, math.sin(0.5), math.cos(0.5), 1.0, 0.0, 0.0])


class Bowl:
    """Logits with their maximum 0 at a goal per state; keeps what it was asked."""

    def __init__(self, goal=GOAL, mode_weight=1.0):
        self.goal = goal
        n = len(SPACE.low)
        self.weight = torch.cat([torch.full([n], 300.0), torch.ones(2), torch.full([3], mode_weight)])
        self.asked = []

    def evaluate(self, embedding, state, actions):
        self.asked.append(actions.clone())
        goal = self.goal if self.goal.dim() == 1 else self.goal[:, None]
        return -((actions - goal) ** 2 * self.weight).sum(-1)


def search(maximizer, q, batch=1, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return maximizer(q, torch.zeros(batch, 0), torch.zeros(batch, 4), generator)


@pytest.mark.parametrize("mode", range(4))
def test_finds_the_known_maximum_in_every_mode(mode):
    goal = GOAL.clone()
    goal[5:] = torch.eye(4)[mode][1:]
    best = search(CEM(SPACE, samples=128, elites=16, iterations=6), Bowl(goal), batch=20)
    assert torch.equal(best.action[:, 5:], goal[5:].expand(20, 3))
    assert (best.action[:, :3] - goal[:3]).abs().max() < 0.01
    assert (best.action[:, 3:5] - goal[3:5]).abs().max() < 0.1


def test_finds_another_maximum_for_each_state():
    generator = torch.Generator().manual_seed(1)
    goals = torch.rand([32, 8], generator=generator) * 0.08 - 0.04
    goals[:, 3:] = GOAL[3:]
    best = search(CEM(SPACE, samples=128, elites=16, iterations=6), Bowl(goals), batch=32)
    assert (best.action[:, :3] - goals[:, :3]).abs().max() < 0.01


def test_a_mode_that_first_looks_bad_is_found_later():
    # Closing pays only within 1 cm of the goal; elsewhere it costs, so no elite of the first iteration closes.
    class Ridge(Bowl):
        def evaluate(self, embedding, state, actions):
            near = (actions[..., :3] - self.goal[:3]).norm(dim=-1) < 0.01
            closes = actions[..., 5]
            return super().evaluate(embedding, state, actions * 1.0) - closes * 3 * (~near) + closes * 3 * near

    goal = GOAL.clone()
    goal[5] = 0
    best = search(CEM(SPACE, samples=128, iterations=8), Ridge(goal, mode_weight=0.0), batch=20)
    assert best.action[:, 5].mean() > 0.9


def test_initial_samples_are_independent_in_every_dimension():
    # DeepX machina draws one number and uses it for all dimensions.
    q = Bowl()
    search(CEM(SPACE, samples=4000, elites=6, iterations=1), q)
    actions = q.asked[0][0].numpy()
    unit = np.column_stack([actions[:, :3] / 0.06, np.arctan2(actions[:, 3], actions[:, 4]), actions[:, 5:]])
    correlation = np.corrcoef(unit.T)
    independent = np.ones((7, 7), bool) & ~np.eye(7, dtype=bool)
    independent[4:, 4:] = False  # at most one flag is set
    assert np.abs(correlation[independent]).max() < 0.06
    assert unit[:, :3].std(0).min() > 0.5
    assert (np.abs(unit[:, :3]) == 1).any(0).all(), "the bounds themselves are tried"
    assert unit[:, 4:].mean(0) == pytest.approx(0.25, abs=0.03)


def test_the_next_distribution_has_the_moments_of_the_elites():
    cem = CEM(SPACE, samples=5, elites=3, iterations=2)
    actions = cem.ask(cem.start(1), 0, torch.Generator().manual_seed(4))
    search_ = cem.tell(cem.start(1), 0, actions, torch.tensor([[0.0, 3.0, 1.0, 2.0, -1.0]]))
    elites = actions[0, 1:4].numpy()
    unit = np.column_stack([elites[:, :3] / 0.06, np.arctan2(elites[:, 3], elites[:, 4]) / (math.pi / 3)])
    np.testing.assert_allclose(search_.mean[0], unit.mean(0), atol=1e-5)
    np.testing.assert_allclose(search_.std[0], unit.std(0), atol=1e-5)
    flags = elites[:, 5:].mean(0)
    frequencies = np.array([1 - flags.sum(), *flags])
    np.testing.assert_allclose(search_.probability[0], 0.05 + 0.8 * frequencies, atol=1e-6)


def test_one_evaluation_an_iteration_for_any_number_of_states():
    for batch in (1, 50):
        q = Bowl()
        cem = CEM(SPACE)
        search(cem, q, batch)
        assert [tuple(a.shape) for a in q.asked] == [(batch, 64, 8), (batch, 64, 8)]
        assert cem.evaluations == 128


def test_states_of_a_batch_are_searched_independently():
    # The same samples, scored for one state alone or within a batch, lead to the same distribution.
    cem = CEM(SPACE)
    goals = GOAL.repeat(3, 1) * torch.tensor([[1.0], [0.5], [-0.5]])
    whole = cem.start(3)
    actions = cem.ask(whole, 0, torch.Generator().manual_seed(0))
    after = cem.tell(whole, 0, actions, Bowl(goals).evaluate(None, None, actions))
    for i in range(3):
        mine = actions[i : i + 1]
        alone = cem.tell(cem.start(1), 0, mine, Bowl(goals[i]).evaluate(None, None, mine))
        for a, b in zip(alone[:7], after[:7], strict=True):
            torch.testing.assert_close(a[0], b[i])


def test_every_state_gets_samples_of_its_own():
    q = Bowl()
    search(CEM(SPACE, iterations=1), q, batch=2)
    first, second = q.asked[0]
    for part in (slice(0, 3), slice(3, 5), slice(5, 8)):
        assert not torch.equal(first[:, part], second[:, part])


@pytest.mark.parametrize("maximizer", [CEM(SPACE), RandomShooting(SPACE)], ids=["cem", "random"])
def test_the_seed_decides_the_action(maximizer):
    q = make_q_function(COMPACT).eval()
    embedding = q.encode(torch.zeros(2, 32, 32, 3, dtype=torch.uint8))

    def act(seed):
        return maximizer(q, embedding, torch.zeros(2, 4), torch.Generator().manual_seed(seed)).action

    assert torch.equal(act(5), act(5))
    assert not torch.equal(act(5), act(6))


def test_best_seen_is_the_best_of_all_iterations():
    q = Bowl()
    best = search(CEM(SPACE, samples=8, elites=6, iterations=3), q, batch=20)
    logits = Bowl().evaluate(None, None, torch.cat(q.asked, 1))
    assert (logits.argmax(1) < 16).any() and (logits.argmax(1) >= 16).any(), "not always in the last iteration"
    torch.testing.assert_close(best.logit, logits.max(1).values)
    torch.testing.assert_close(best.action, torch.cat(q.asked, 1)[torch.arange(20), logits.argmax(1)])
    torch.testing.assert_close(best.stats[..., 0].max(0).values, torch.sigmoid(best.logit))
    torch.testing.assert_close(best.q, torch.sigmoid(best.logit))


def test_mean_can_be_returned_for_one_more_evaluation():
    cem = CEM(SPACE, iterations=4, return_best=False)
    q = Bowl()
    best = search(cem, q, batch=5)
    assert cem.evaluations == 4 * 64 + 1 and q.asked[-1].shape == (5, 1, 8)
    torch.testing.assert_close(best.action, q.asked[-1][:, 0])
    torch.testing.assert_close(best.logit, Bowl().evaluate(None, None, best.action[:, None])[:, 0])
    np.testing.assert_allclose(SPACE.project(best.action.numpy()), best.action.numpy(), atol=1e-6)


def test_mean_is_scored_as_a_sample_of_the_last_iteration():
    cem = CEM(SPACE, iterations=2, add_mean=True)
    start = cem.start(1)
    actions = cem.ask(start, 0, torch.Generator().manual_seed(0))
    after = cem.tell(start, 0, actions, Bowl().evaluate(None, None, actions))
    last = cem.ask(after, 1, torch.Generator().manual_seed(1))
    mean = cem.code.decode(after.mean[:, None], after.probability.argmax(-1, keepdim=True))
    assert last.shape == (1, 64, 8)
    assert torch.equal(last[:, -1:], mean)


def test_kept_elites_never_get_worse():
    q = Bowl()
    kept = search(CEM(SPACE, samples=8, elites=6, iterations=6, keep_elites=True), q, batch=16)
    assert sum(a.shape[1] for a in q.asked) == 6 * 8, "keeping elites costs no evaluation"
    assert (kept.stats[1:, :, 1] >= kept.stats[:-1, :, 1]).all()
    dropped = search(CEM(SPACE, samples=8, elites=6, iterations=6), Bowl(), batch=16)
    assert not (dropped.stats[1:, :, 1] >= dropped.stats[:-1, :, 1]).all()


def test_an_angle_on_the_full_circle_wraps_round():
    space = ActionSpace((-1.0,), (1.0,), (math.pi,))

    class Behind:
        def evaluate(self, embedding, state, actions):
            return -(actions[..., 0] ** 2) - 5 * (1 + actions[..., 2])  # best where cos = -1

    cem = CEM(space, iterations=4, return_best=False)
    best = search(cem, Behind(), batch=50)
    # Elites lie on both sides of pi; an ordinary mean would point the opposite way.
    assert (best.action[:, 2] < -0.97).all()


def test_an_angle_with_a_limit_stays_within_it():
    class FarTurn:
        def evaluate(self, embedding, state, actions):
            return actions[..., 3]

    best = search(CEM(SPACE), FarTurn(), batch=4)
    angle = torch.atan2(best.action[:, 3], best.action[:, 4])
    torch.testing.assert_close(angle, torch.full([4], math.pi / 3))


@settings(max_examples=40, deadline=None)
@given(action_spaces, st.integers(0, 2**31 - 1), st.booleans())
def test_every_sample_of_any_action_space_is_valid(space, seed, return_best):
    asked = []

    class Sum:
        def evaluate(self, embedding, state, actions):
            asked.append(actions)
            return actions.sum(-1)

    best = search(CEM(space, samples=10, elites=3, return_best=return_best), Sum(), batch=2, seed=seed)
    for actions in [*asked, best.action]:
        np.testing.assert_allclose(space.project(actions.numpy()), actions.numpy(), atol=2e-6)
    assert best.action.shape == (2, space.size) and best.stats.shape == (2, 2, 3)


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("kind", [CEM, RandomShooting])
def test_a_value_that_is_not_finite_is_refused(kind, value):
    class Broken:
        def evaluate(self, embedding, state, actions):
            logits = actions.sum(-1)
            logits[1, 3] = value
            return logits

    with pytest.raises(InvalidInput, match="not finite"):
        search(kind(SPACE), Broken(), batch=2)


def test_impossible_settings_are_refused():
    for settings_ in ({"elites": 0}, {"samples": 4, "elites": 5}, {"iterations": 0}):
        with pytest.raises(InvalidInput):
            CEM(SPACE, **settings_)
    with pytest.raises(InvalidInput, match="samples 0"):
        RandomShooting(SPACE, samples=0)


def test_random_shooting_takes_the_best_of_uniform_samples():
    q = Bowl()
    maximizer = RandomShooting(grasp_action_space((0.06, 0.06, 0.06), math.pi / 3), samples=2000)
    best = search(maximizer, q, batch=2)
    assert maximizer.evaluations == 2000
    torch.testing.assert_close(best.logit, Bowl().evaluate(None, None, q.asked[0]).max(1).values)
    assert q.asked[0][..., :3].std().item() == pytest.approx(0.12 / 12**0.5, rel=0.05)
    assert q.asked[0][..., 5:].mean((0, 1)).tolist() == pytest.approx([0.25] * 3, abs=0.05)


def test_search_beats_as_many_random_samples():
    cem, random = CEM(SPACE), RandomShooting(SPACE, samples=128)
    assert cem.evaluations == random.evaluations
    assert search(cem, Bowl(), batch=100).logit.mean() > search(random, Bowl(), batch=100).logit.mean()
