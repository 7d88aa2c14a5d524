import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from qtopt_agent.core.profile import LOWDIM
from qtopt_agent.learning.quantiles import quantile_huber_loss
from qtopt_agent.q_functions import make_q_function

values = arrays(np.float64, (2, 3), elements=st.floats(0, 1))


@given(values, values, values, st.sampled_from([0.02, 0.3, 1.0]))
def test_the_loss_is_the_double_loop_of_its_equation(predicted, targets, taus, kappa):
    expected = np.zeros(2)
    for b in range(2):
        for tau, mine in zip(taus[b], predicted[b], strict=True):
            for target in targets[b]:
                u = target - mine
                huber = u * u / 2 if abs(u) <= kappa else kappa * (abs(u) - kappa / 2)
                expected[b] += abs(tau - (u < 0)) * huber / kappa / 9
    loss = quantile_huber_loss(*map(torch.from_numpy, (predicted, targets, taus)), kappa)
    np.testing.assert_allclose(loss.numpy(), expected, rtol=1e-9, atol=1e-12)


def test_numbers_of_quantiles_and_targets_may_differ():
    generator = torch.Generator().manual_seed(0)
    predicted, taus, targets = (torch.rand([5, n], generator=generator) for n in (4, 4, 7))
    parts = [quantile_huber_loss(predicted, targets[:, j, None], taus) for j in range(7)]
    torch.testing.assert_close(quantile_huber_loss(predicted, targets, taus), torch.stack(parts).mean(0))


def test_a_network_learns_the_quantiles_of_two_outcomes():
    """An action returns 0.2 with chance 0.3 and otherwise 0.8, another one always 0.5."""
    q = make_q_function(LOWDIM, kind="quantile", seed=1)
    optimizer = torch.optim.Adam(q.parameters(), 2e-3)
    generator = torch.Generator().manual_seed(0)
    state, embedding = torch.zeros(256, 10), torch.zeros(256, 0)
    actions = torch.zeros(256, 1, 8)
    actions[:128, 0, 5] = 1
    for _ in range(400):
        for group in optimizer.param_groups:
            group["lr"] *= 0.99
        lucky = torch.rand(256, 1, generator=generator) > 0.3
        targets = torch.where(lucky, 0.8, 0.2)
        targets[128:] = 0.5
        taus = torch.rand(256, 16, generator=generator)
        predicted = torch.sigmoid(q.quantiles(embedding, state, actions, taus)[:, 0])
        loss = quantile_huber_loss(predicted, targets, taus).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    taus = torch.tensor([[0.05, 0.2, 0.4, 0.6, 0.95]])
    both = torch.stack([actions[0], actions[-1]], 1)
    with torch.no_grad():
        learned = torch.sigmoid(q.quantiles(embedding[:1], state[:1], both, taus))[0]
        means = torch.sigmoid(q.evaluate(embedding[:1], state[:1], both))[0]
        averse = make_q_function(LOWDIM, kind="quantile", risk="cvar", risk_level=0.25)
        averse.load_state_dict(q.state_dict())
        cautious = torch.sigmoid(averse.evaluate(embedding[:1], state[:1], both))[0]
    assert learned[0].tolist() == pytest.approx([0.2, 0.2, 0.8, 0.8, 0.8], abs=0.06)
    assert learned[1].tolist() == pytest.approx([0.5] * 5, abs=0.04)
    assert means.tolist() == pytest.approx([0.62, 0.5], abs=0.03)
    assert cautious.tolist() == pytest.approx([0.2, 0.5], abs=0.05), "the sure one is better to the cautious"
