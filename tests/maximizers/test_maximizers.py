"""What every maximiser promises, and what each does in its own way."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qtopt_agent.core.action import ActionSpace
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.profile import COMPACT, LOWDIM
from qtopt_agent.maximizers import (
    CEM,
    CMAES,
    ICEM,
    Generators,
    GradientAscent,
    Grid,
    PolicyWeightCEM,
    Proposal,
    RandomShooting,
    make_maximizer,
)
from qtopt_agent.q_functions import make_q_function

from .conftest import KeepDown, action_spaces

SPACE = COMPACT.action_space
SEARCHES = ["random", "cem", "icem", "cma_es", "gradient", "policy_weights", "grid"]
DRAWN = SEARCHES[:-1]
GOAL = torch.tensor([0.02, -0.03, 0.05, math.sin(0.5), math.cos(0.5), 1.0, 0.0, 0.0])
SCALE = torch.tensor([1 / 0.06] * 3 + [1.0] * 5)


def make(name, space=SPACE, samples=16, elites=4, iterations=3, projection=None):
    return make_maximizer(name, space, samples, elites, iterations, (-1.0, 0.0, 1.0), projection)


def search(maximizer, q, batch=1, seed=0, state=None):
    state = torch.zeros(batch, 4) if state is None else state
    return maximizer(q, torch.zeros(len(state), 0), state, torch.Generator().manual_seed(seed))


class Bowl:
    """Logits that are highest, 0, at a goal [A], or one for each state [B, A]; keeps what it was asked."""

    proposes = False

    def __init__(self, goal=GOAL):
        self.goal, self.asked = goal, []

    def evaluate(self, embedding, state, actions):
        self.asked.append(actions.detach().clone())
        goal = self.goal if self.goal.dim() == 1 else self.goal[:, None]
        return -(((actions - goal) * SCALE) ** 2).sum(-1)


@pytest.mark.parametrize("name", ["cem", "icem", "cma_es", "random", "grid"])
def test_a_warm_start_tries_the_last_action_at_no_evaluation_and_only_where_there_was_one(name):
    last = torch.stack([GOAL, torch.full_like(GOAL, math.nan)])
    warm, cold, maximizer = Bowl(), Bowl(), make(name)
    generators = [torch.Generator().manual_seed(0) for _ in range(2)]
    inputs = torch.zeros(2, 0), torch.zeros(2, 4)
    best = maximizer(warm, *inputs, generators[0], last)
    maximizer(cold, *inputs, generators[1])
    assert torch.equal(best.action[0], GOAL) and best.logit[0] == 0
    assert sum(a.shape[1] for a in warm.asked) == maximizer.evaluations
    assert torch.equal(warm.asked[0][0, 0], GOAL)
    assert torch.equal(warm.asked[0][:, 1:], cold.asked[0][:, 1:])
    assert torch.equal(warm.asked[0][1], cold.asked[0][1]), "an attempt begins without"


@pytest.mark.parametrize("name", SEARCHES)
def test_as_many_actions_are_scored_as_it_says(name):
    q, maximizer = Bowl(), make(name)
    search(maximizer, q, batch=2)
    scored = sum(actions.shape[1] for actions in q.asked)
    backward = maximizer.steps + 1 if name == "gradient" else 0
    assert scored + backward == maximizer.evaluations


def test_equal_settings_make_equal_budgets_where_they_can():
    budgets = {name: make(name, samples=64, elites=6, iterations=2).evaluations for name in SEARCHES}
    assert budgets["random"] == budgets["cem"] == budgets["cma_es"] == budgets["policy_weights"] == 128
    assert budgets["icem"] == 64 + 51
    assert budgets["gradient"] == 128 + 2 * 9
    assert budgets["grid"] == 3**4 * 4


@pytest.mark.parametrize("name", SEARCHES)
def test_the_logit_is_that_of_the_action_and_the_highest_seen(name):
    q = Bowl()
    best = search(make(name), q, batch=5)
    torch.testing.assert_close(Bowl().evaluate(None, None, best.action[:, None])[:, 0], best.logit)
    torch.testing.assert_close(best.logit, Bowl().evaluate(None, None, torch.cat(q.asked, 1)).max(1).values)
    assert best.action.shape == (5, 8) and best.action.dtype == torch.float32
    assert best.stats.shape[1:] == (5, 3) and bool(torch.isfinite(best.stats).all())


@pytest.mark.parametrize("name", DRAWN)
def test_the_generator_decides_and_nothing_else(name):
    maximizer = make(name)
    first = search(maximizer, Bowl(), 3, seed=5)
    torch.manual_seed(1)
    assert torch.equal(search(maximizer, Bowl(), 3, seed=5).action, first.action)
    assert not torch.equal(search(maximizer, Bowl(), 3, seed=6).action, first.action)


@pytest.mark.parametrize("name", SEARCHES)
def test_what_a_state_gets_does_not_depend_on_the_others(name):
    goals = GOAL.repeat(3, 1) * torch.tensor([[1.0], [0.5], [-0.5]])
    states = torch.rand([3, 4], generator=torch.Generator().manual_seed(0))
    mine = search(make(name), Bowl(goals), state=states)
    states[1:], goals[1:] = -3 * states[1:], GOAL.flip(0)
    other = search(make(name), Bowl(goals), state=states)
    assert torch.equal(mine.action[0], other.action[0]) and torch.equal(mine.stats[:, 0], other.stats[:, 0])
    assert not torch.equal(mine.logit[1:], other.logit[1:])


@pytest.mark.parametrize("name", SEARCHES)
def test_every_action_obeys_the_projection(name):
    q = Bowl()
    best = search(make(name, projection=KeepDown()), q, batch=4)
    for actions in [*q.asked, best.action[:, None]]:
        assert torch.equal(KeepDown()(actions), actions)
    assert (best.action[:, 2] <= 0).all() and (best.action[:, 2] > -0.05).all(), "the goal lies above"


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("name", SEARCHES)
def test_a_value_that_is_not_finite_is_refused(name, value):
    class Broken(Bowl):
        def evaluate(self, embedding, state, actions):
            logits = super().evaluate(embedding, state, actions)
            spoilt = torch.zeros_like(logits)
            spoilt[1, logits.shape[1] // 2] = value
            return logits + spoilt

    with pytest.raises(InvalidInput, match="not finite"):
        search(make(name), Broken(), batch=2)


@settings(max_examples=15)
@pytest.mark.parametrize("name", SEARCHES)
@given(action_spaces, st.integers(0, 2**31 - 1))
def test_every_action_of_any_space_is_valid(name, space, seed):
    asked = []

    class Sum:
        def evaluate(self, embedding, state, actions):
            asked.append(actions.detach())
            return actions.sum(-1)

    best = search(make(name, space, samples=10, elites=3), Sum(), batch=2, seed=seed)
    for actions in [*asked, best.action]:
        np.testing.assert_allclose(space.project(actions.numpy()), actions.numpy(), atol=2e-6)


@pytest.mark.parametrize("name", ["cem", "icem", "cma_es", "gradient", "policy_weights"])
def test_searching_beats_as_many_random_samples(name):
    maximizer = make(name, samples=24, elites=4, iterations=8)
    random = RandomShooting(SPACE, maximizer.evaluations)
    found, drawn = search(maximizer, Bowl(), batch=100), search(random, Bowl(), batch=100)
    assert found.logit.mean() > drawn.logit.mean()


@pytest.mark.parametrize("name", ["cem", "icem", "cma_es", "gradient", "policy_weights"])
@pytest.mark.parametrize("mode", range(4))
def test_the_maximum_is_found_in_every_mode(name, mode):
    goal = GOAL.clone()
    goal[5:] = torch.eye(4)[mode][1:]
    best = search(make(name, samples=64, elites=12, iterations=12), Bowl(goal), batch=20)
    assert torch.equal(best.action[:, 5:], goal[5:].expand(20, 3))
    assert best.logit.median() > -0.01 and best.logit.min() > -0.1


@pytest.mark.parametrize("name", ["cem", "icem", "cma_es", "policy_weights", "random", "gradient"])
def test_a_maximum_at_the_bounds_is_reached(name):
    class Corner:
        def evaluate(self, embedding, state, actions):
            return 20 * actions[..., 0] - 20 * actions[..., 1]

    samples, iterations = (600, 1) if name == "random" else (32, 6)
    best = search(make(name, samples=samples, elites=6, iterations=iterations), Corner(), batch=10)
    distance = (best.action[:, :2] - torch.tensor([0.06, -0.06])).abs().amax(1)
    assert distance.median() < (0.01 if name == "random" else 1e-4) and distance.max() < 0.02


@pytest.mark.parametrize("name", ["cma_es", "gradient"])
def test_an_angle_on_the_full_circle_wraps_round(name):
    class Behind:
        def evaluate(self, embedding, state, actions):
            return -(actions[..., 0] ** 2) - 5 * (1 + actions[..., 2])  # best where cos = -1

    best = search(make(name, ActionSpace((-1.0,), (1.0,), (math.pi,)), iterations=10), Behind(), batch=50)
    assert (best.action[:, 2] < -0.99).all()


def test_icem_takes_fewer_samples_each_iteration_down_to_twice_the_elites():
    q = Bowl()
    search(ICEM(SPACE, samples=64, elites=20, iterations=5), q)
    assert [actions.shape[1] for actions in q.asked] == [64, 51, 40, 40, 40]


def test_cma_es_follows_a_narrow_diagonal_ridge_that_cem_loses():
    # Quality along x = y and z = -x, 0.5 % as wide as long, with its maximum near the end of it.
    class Ridge:
        def evaluate(self, embedding, state, actions):
            unit = actions[..., :3] / 0.06
            x, y, z = unit.unbind(-1)
            along = (x + y - z) / 3
            return -((along - 0.6) ** 2) - 5000 * ((x - y) ** 2 + (x + z) ** 2)

    space = ActionSpace((-0.06,) * 3, (0.06,) * 3)
    cma, cem = CMAES(space, 16, 32), CEM(space, 64, 6, 8)
    assert cma.evaluations == cem.evaluations
    assert search(cma, Ridge(), batch=50).logit.median() > search(cem, Ridge(), batch=50).logit.median() / 4


def test_gradient_ascent_never_ends_below_the_cem_it_began_with():
    class Rough(Bowl):
        def evaluate(self, embedding, state, actions):
            return super().evaluate(embedding, state, actions) + (400 * actions[..., 0]).sin()

    cem = search(CEM(SPACE, 16, 4, 2), Rough(), batch=50)
    climbed = search(GradientAscent(SPACE, 16, 4, 2, steps=8), Rough(), batch=50)
    assert (climbed.logit >= cem.logit).all() and (climbed.logit > cem.logit).any()
    assert (climbed.stats[2:, :, 0].diff(dim=0) >= 0).all()


def test_gradients_are_taken_where_policies_run_and_leave_none_in_the_network():
    q, maximizer = make_q_function(LOWDIM).train(), GradientAscent(LOWDIM.action_space)
    with torch.inference_mode():
        best = search(maximizer, q, state=torch.zeros(2, q.state_size))
    assert bool(torch.isfinite(best.logit).all())
    assert all(parameter.grad is None for parameter in q.parameters())


def test_the_first_weights_spread_actions_as_cem_does_whatever_the_states_units():
    for scale in (0.0, 1.0, 1e4):
        q = Bowl()
        state = scale * torch.rand([50, 4], generator=torch.Generator().manual_seed(0))
        search(PolicyWeightCEM(SPACE, samples=200, iterations=1), q, state=state)
        by_weights = q.asked[0][..., 0].std()
        q = Bowl()
        search(CEM(SPACE, samples=200, iterations=1), q, batch=50)
        assert by_weights.item() == pytest.approx(q.asked[0][..., 0].std().item(), rel=0.02)


def test_a_grid_is_every_combination_once_and_the_same_for_each_state():
    space = ActionSpace((0.0, -2.0), (1.0, 2.0), (), ("stop",))
    asked = []

    class Sum:
        def evaluate(self, embedding, state, actions):
            asked.append(actions)
            return actions[..., 0] + actions[..., 1] - 5 * actions[..., 2]

    best = search(Grid(space, (-1.0, 0.5)), Sum(), batch=2)
    points = {tuple(action) for action in asked[0][0].tolist()}
    assert points == {(x, y, s) for x in (0.0, 0.75) for y in (-2.0, 1.0) for s in (0.0, 1.0)}
    assert asked[0].shape == (2, 8, 3) and torch.equal(asked[0][0], asked[0][1])
    assert best.action.tolist() == [[0.75, 1.0, 0.0]] * 2


def test_the_best_of_the_proposals_is_taken():
    class Proposing(Bowl):
        proposes = True

        def propose(self, embedding, state):
            unit = torch.tensor([[0.3, -0.5, 0.8, 0.4], [0, 0, 0, 0], [0.3, -0.5, 0.8, 0.4], [2.0, 0, 0, 0]])
            return unit.expand(len(state), -1, -1), torch.arange(4).expand(len(state), -1)

    q = Proposing()
    best = search(make("proposal"), q, batch=3)
    assert Proposal(SPACE).evaluations == 4 and q.asked[0].shape == (3, 4, 8)
    np.testing.assert_allclose(SPACE.project(q.asked[0].numpy()), q.asked[0].numpy(), atol=1e-6)
    assert torch.equal(best.action, q.asked[0][torch.arange(3), Bowl().evaluate(None, None, q.asked[0]).argmax(1)])


def test_a_network_that_proposes_nothing_is_refused():
    with pytest.raises(InvalidInput, match="MlpQFunction proposes no actions"):
        make_maximizer("proposal", LOWDIM.action_space)(
            make_q_function(LOWDIM), torch.zeros(1, 0), torch.zeros(1, 10), torch.Generator()
        )


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: make_maximizer("best", SPACE), "unknown maximiser 'best', expected one of cem, "),
        (lambda: make_maximizer("grid", SPACE), r"levels \[\]"),
        (lambda: Grid(SPACE, (0.0, 1.5)), r"levels \[0.0, 1.5\]"),
        (lambda: Grid(SPACE, np.linspace(-1, 1, 20).tolist()), "640000 actions, expected at most 100000"),
        (lambda: CMAES(SPACE, samples=1), "1 samples"),
        (lambda: CMAES(SPACE, iterations=0), "0 iterations"),
        (lambda: GradientAscent(SPACE, steps=0), "steps 0"),
        (lambda: PolicyWeightCEM(SPACE, samples=4, elites=5), "4 samples, 5 elites"),
        (lambda: CEM(SPACE, population_decay=0.5), "population_decay 0.5"),
        (lambda: CEM(SPACE, population_decay=math.nan), "population_decay nan"),
    ],
)
def test_impossible_settings_are_refused(build, message):
    with pytest.raises(InvalidInput, match=message):
        build()


@pytest.mark.parametrize("name", DRAWN)
def test_with_a_generator_each_states_draw_what_they_would_alone(name):
    maximizer, state = make(name), torch.linspace(-1, 1, 12).view(3, 4)
    seeds, others = [7, 8, 9], [9, 6, 7]

    def asked(state, seeds):
        q = Bowl()
        maximizer(q, torch.zeros(len(state), 0), state, Generators(seeds))
        return q.asked[0]

    together = asked(state, seeds)
    for i, seed in enumerate(seeds):
        alone = Bowl()
        search(maximizer, alone, seed=seed, state=state[i : i + 1])
        assert torch.equal(together[i], alone.asked[0][0])
    assert not torch.equal(together[0], together[1])
    assert torch.equal(asked(state, others)[0], together[2]) == (name != "policy_weights")  # which go by the state
