import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from qtopt_agent.core.action import ActionSpace
from qtopt_agent.learning.n_step import cut, follows, importance, retrace
from qtopt_agent.maximizers.action_code import ActionCode

GAMMA = 0.8
STATES, ACTIONS = 3, 2
END = STATES - 1  # the state that nothing follows


class MDP:
    """Random transitions and rewards between a few states, with a table of Q and two stochastic policies."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.next = rng.dirichlet(np.ones(STATES), (STATES, ACTIONS))
        self.reward = rng.random((STATES, ACTIONS))
        self.q = rng.random((STATES, ACTIONS))
        self.target = rng.dirichlet(np.ones(ACTIONS), STATES)
        self.behaviour = rng.dirichlet(np.ones(ACTIONS), STATES)

    @property
    def value(self) -> np.ndarray:
        """V = E_pi Q, [STATES]."""
        return (self.target * self.q).sum(1)

    def true_q(self) -> np.ndarray:
        """Q of the target policy, [STATES, ACTIONS], by solving its Bellman equation."""
        goes_on = self.next * (np.arange(STATES) != END)
        to_pairs = (goes_on[..., None] * self.target).reshape(STATES * ACTIONS, STATES * ACTIONS)
        solved = np.linalg.solve(np.eye(STATES * ACTIONS) - GAMMA * to_pairs, self.reward.ravel())
        return solved.reshape(STATES, ACTIONS)

    def sample(self, n: int, rng: np.random.Generator) -> list[tuple[int, int]]:
        """(state, action) of up to n steps, and then the last state with no action (-1)."""
        state, path = int(rng.integers(END)), []
        while len(path) < n and state != END:
            path.append((state, int(rng.choice(ACTIONS, p=self.behaviour[state]))))
            state = int(rng.choice(STATES, p=self.next[path[-1]]))
        return [*path, (state, -1)]

    def tensors(self, paths: list[list[tuple[int, int]]], n: int) -> dict[str, torch.Tensor]:
        """What `importance` takes, of sequences filled up to n steps with nonsense."""
        shape = len(paths), n
        reward, discount, value = (np.full(shape, 7.0) for _ in range(3))
        taken, target, behaviour = (np.full(shape, 0.3) for _ in range(3))
        valid = np.zeros(shape, bool)
        for b, path in enumerate(paths):
            for i, (state, action) in enumerate(path[:-1]):
                following = path[i + 1][0]
                reward[b, i], value[b, i] = self.reward[state, action], self.value[following]
                discount[b, i] = GAMMA * (following != END)
                taken[b, i], valid[b, i] = self.q[state, action], True
                target[b, i], behaviour[b, i] = self.target[state, action], self.behaviour[state, action]
        trace = retrace(torch.tensor(target).log(), torch.tensor(behaviour).log()) * torch.tensor(valid)
        given = {"reward": reward, "discount": discount, "value": value, "taken": taken[:, 1:]}
        return {name: torch.tensor(part) for name, part in given.items()} | {"trace": trace[:, 1:]}


def forward_retrace(mdp: MDP, path: list[tuple[int, int]]) -> float:
    """Munos et al. 2016, eq. 3: Q(s0, a0) plus the discounted sum of traced temporal differences."""
    (state, action), *_ = path
    total, trace, factor = mdp.q[state, action], 1.0, 1.0
    for i, (state, action) in enumerate(path[:-1]):
        if i:
            trace *= min(1.0, mdp.target[state, action] / mdp.behaviour[state, action])
        following = path[i + 1][0]
        bootstrap = 0.0 if following == END else mdp.value[following]
        total += factor * trace * (mdp.reward[state, action] + GAMMA * bootstrap - mdp.q[state, action])
        factor *= GAMMA
    return total


@given(st.integers(0, 10_000), st.integers(1, 6))
def test_importance_is_retrace_as_the_paper_writes_it(seed, n):
    mdp, rng = MDP(seed), np.random.default_rng(seed)
    paths = [mdp.sample(n, rng) for _ in range(20)]
    expected = [forward_retrace(mdp, path) for path in paths]
    np.testing.assert_allclose(importance(**mdp.tensors(paths, n)), expected, rtol=1e-9)


def test_the_true_values_of_the_target_policy_are_a_fixed_point_whatever_the_behaviour():
    mdp, n = MDP(4), 3
    mdp.q = mdp.true_q()
    for state, action in itertools.product(range(END), range(ACTIONS)):
        chances: dict[tuple[tuple[int, int], ...], float] = {((state, action),): 1.0}
        for step in range(1, n + 1):  # every path, with its probability under the behaviour policy
            longer: dict[tuple[tuple[int, int], ...], float] = {}
            for path, chance in chances.items():
                if path[-1][1] == -1:
                    longer[path] = chance
                    continue
                for following in range(STATES):
                    p = chance * mdp.next[path[-1]][following]
                    if following == END or step == n:
                        longer[(*path, (following, -1))] = p
                    else:
                        for a in range(ACTIONS):
                            longer[(*path, (following, a))] = p * mdp.behaviour[following, a]
            chances = longer
        targets = importance(**mdp.tensors([list(path) for path in chances], n))
        assert sum(chances.values()) == pytest.approx(1)
        assert float(targets @ torch.tensor(list(chances.values()))) == pytest.approx(mdp.q[state, action])


def sequence(seed: int, n: int = 4) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    reward, value = (torch.rand([8, n], generator=generator) for _ in range(2))
    discount = GAMMA * (torch.rand([8, n], generator=generator) < 0.8)
    return {"reward": reward, "discount": discount, "value": value}


def uncorrected(reward: torch.Tensor, discount: torch.Tensor, value: torch.Tensor, steps: int) -> torch.Tensor:
    factor = torch.cat([torch.ones([len(reward), 1]), discount.cumprod(1)], 1)
    return (factor[:, :steps] * reward[:, :steps]).sum(1) + factor[:, steps] * value[:, steps - 1]


def test_where_the_behaviour_was_the_greedy_policy_both_corrections_leave_the_n_step_return():
    given = sequence(0)
    density = torch.rand([8, 3])
    expected = uncorrected(**given, steps=4)
    torch.testing.assert_close(cut(**given, follows=torch.ones([8, 3], dtype=torch.bool)), expected)
    traces = retrace(density, density)
    torch.testing.assert_close(importance(**given, taken=given["value"][:, :-1], trace=traces), expected)


def test_where_no_action_is_the_greedy_policys_both_corrections_leave_one_step():
    given = sequence(1)
    expected = uncorrected(**given, steps=1)
    torch.testing.assert_close(cut(**given, follows=torch.zeros([8, 3], dtype=torch.bool)), expected)
    unlikely = retrace(torch.full([8, 3], -torch.inf), torch.zeros([8, 3]))
    torch.testing.assert_close(importance(**given, taken=torch.rand([8, 3]), trace=unlikely), expected)


@pytest.mark.parametrize("leaves", [1, 2, 3])
def test_cut_bootstraps_where_the_first_action_leaves(leaves):
    given = sequence(2)
    kept = torch.ones([8, 3], dtype=torch.bool)
    kept[:, leaves - 1] = False
    torch.testing.assert_close(cut(**given, follows=kept), uncorrected(**given, steps=leaves))


def test_one_step_needs_no_correction():
    given = sequence(3, n=1)
    nothing = torch.zeros([8, 0])
    expected = given["reward"][:, 0] + given["discount"][:, 0] * given["value"][:, 0]
    torch.testing.assert_close(cut(**given, follows=nothing.bool()), expected)
    torch.testing.assert_close(importance(**given, taken=nothing, trace=nothing), expected)


def test_traces_never_exceed_one_and_end_where_the_behaviour_is_not_known():
    target = torch.tensor([0.0, -1.0, 3.0, 0.0, -torch.inf])
    behaviour = torch.tensor([0.0, 0.0, 0.0, torch.nan, -1.0])
    torch.testing.assert_close(retrace(target, behaviour), torch.tensor([1, np.exp(-1), 1, 0, 0]).float())


def test_an_action_follows_the_greedy_one_if_it_is_near_and_has_the_same_flags():
    code = ActionCode(ActionSpace((-2.0,), (2.0,), (np.pi,), ("close", "open")))
    greedy = torch.tensor([1.0, 0.0, -1.0, 1, 0])
    near = torch.tensor([0.0, np.sin(3.0), np.cos(3.0), 1, 0])  # the angle is on the other side of the seam, or not
    near_over_the_seam = torch.tensor([0.0, np.sin(-3.0), np.cos(-3.0), 1, 0])
    far = torch.tensor([-0.2, 0.0, -1.0, 1, 0])  # by 0.6 and 0 half ranges: a root mean square of 0.42
    turned = torch.tensor([1.0, np.sin(1.2), np.cos(1.2), 1, 0])
    other_flag = torch.tensor([1.0, 0.0, -1.0, 0, 1])
    actions = torch.stack([greedy, near, near_over_the_seam, far, turned, other_flag]).float()
    assert follows(code, actions, greedy.expand(6, -1)).tolist() == [True, True, True, False, False, False]
    assert follows(code, actions, greedy.expand(6, -1), 0.01).tolist() == [True] + [False] * 5
