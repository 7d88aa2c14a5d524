"""Targets on an MDP small enough to work out by hand.

Actions are one number in -1..1. State 0 pays nothing and leads on; its value is a parabola with its top at `best`.
"""

import pytest
import torch
from torch import Tensor, nn

from qtopt_agent.core.action import ActionSpace
from qtopt_agent.learning.bellman import bellman_targets
from qtopt_agent.maximizers import CEM

SPACE = ActionSpace((-1.0,), (1.0,))


class Parabola(nn.Module):
    """Q(s, a) = top[s] - (a - best)^2 / 10; counts how it is used."""

    def __init__(self, top: list[float], best: float) -> None:
        super().__init__()
        self.top, self.best = torch.tensor(top), best
        self.encoded = self.evaluated = 0

    def encode(self, image: Tensor) -> Tensor:
        self.encoded += 1
        return torch.zeros(len(image), 0)

    def evaluate(self, embedding: Tensor, state: Tensor, actions: Tensor) -> Tensor:
        self.evaluated += 1
        q = self.top[state[:, 0].long()][:, None] - (actions[..., 0] - self.best) ** 2 / 10
        return torch.logit(q.clamp_min(1e-3))


def targets(first, second, states, *, reward=0.0, terminal=0.0, discount=0.9, samples=64):
    count = len(states)
    return bellman_targets(
        first,
        [first, second],
        CEM(SPACE, samples=samples, elites=6, iterations=3),
        torch.full([count], reward),
        torch.full([count], discount * (1 - terminal)),
        torch.zeros(count, 2, 2, 3, dtype=torch.uint8),
        torch.tensor(states, dtype=torch.float32)[:, None],
        torch.Generator().manual_seed(0),
    )


def test_the_target_is_the_reward_plus_the_discounted_best_value():
    q = Parabola([0.8, 0.5], best=0.3)
    expected = [-0.05 + 0.9 * 0.8, -0.05 + 0.9 * 0.5]
    assert targets(q, q, [0, 1], reward=-0.05).tolist() == pytest.approx(expected, abs=1e-3)


def test_the_action_is_the_first_networks_and_the_value_the_smaller_of_both():
    first, second = Parabola([0.8, 0.4], best=0.5), Parabola([0.9, 0.9], best=-0.5)
    # At the first network's best action 0.5 the second one loses (0.5 + 0.5)^2 / 10 = 0.1 of its top.
    assert targets(first, second, [0, 1], discount=1.0).tolist() == pytest.approx([0.8, 0.4], abs=1e-3)
    assert targets(first, Parabola([0.6, 0.2], best=-0.5), [0, 1], discount=1.0).tolist() == pytest.approx(
        [0.5, 0.1], abs=1e-3
    )


def test_a_terminal_transition_does_not_bootstrap():
    q = Parabola([0.8], best=0.0)
    assert targets(q, q, [0], reward=0.25, terminal=1.0).tolist() == [0.25]


def test_targets_stay_within_what_a_sigmoid_can_say():
    q = Parabola([0.9], best=0.0)
    assert targets(q, q, [0], reward=0.9).item() == 1.0
    assert targets(q, q, [0], reward=-0.05, terminal=1.0).item() == 0.0


@pytest.mark.parametrize("batch", [1, 64])
def test_the_search_is_batched_over_states_and_encodes_each_image_once(batch):
    first, second = Parabola([0.8], best=0.0), Parabola([0.8], best=0.0)
    targets(first, second, [0] * batch)
    assert (first.encoded, first.evaluated) == (1, 3)  # one call a CEM iteration, however many states
    assert (second.encoded, second.evaluated) == (1, 1)


def test_value_spreads_from_the_end_of_a_chain_to_its_start():
    """Three states in a row, reward 1 at the end: repeated backups must give 1, 0.9, 0.81."""
    top = torch.tensor([0.01, 0.01, 0.01])
    for _ in range(3):
        q = Parabola(top.tolist(), best=0.0)
        last = targets(q, q, [0], reward=1.0, terminal=1.0)
        others = targets(q, q, [1, 2])
        top = torch.cat([others, last]).clamp(0.01, 0.999)
    assert top.tolist() == pytest.approx([0.81, 0.9, 1.0], abs=2e-3)
