import math

import pytest
import torch

from qtopt_agent.core.profile import COMPACT, LOWDIM
from qtopt_agent.q_functions import MirroredQFunction, QuantileQFunction, make_q_function

from .kinds import observations, spread, valid_actions


def known(quantile_function, risk: str, level: float) -> float:
    """The value that a Q-function with these quantiles gives to every action."""

    class Known(QuantileQFunction):
        def _quantiles(self, embedding, state, actions, cosines):
            taus = torch.acos(cosines[:, 1].clamp(-1, 1)) / math.pi
            return torch.logit(quantile_function(taus)).expand(len(state), actions.shape[1], -1)

    q = Known(make_q_function(LOWDIM), LOWDIM, risk, level)
    (image, state), actions = observations(LOWDIM), valid_actions(LOWDIM)
    values = torch.sigmoid(q(image, state, actions))
    assert values.shape == (3, 5) and (values == values[0, 0]).all()
    return float(values[0, 0])


@pytest.mark.parametrize(
    ("risk", "level", "expected"),
    [
        ("neutral", 0.0, 1 / 2),
        ("cvar", 0.25, 1 / 8),
        ("cvar", 1.0, 1 / 2),
        ("pow", -2.0, 1 / 4),  # 1 - the integral of (1 - t)^(1/3)
        ("pow", 2.0, 3 / 4),
        ("wang", -0.75, float(torch.special.ndtr(torch.tensor(-0.75 / 2**0.5)))),
        ("wang", 0.75, float(torch.special.ndtr(torch.tensor(0.75 / 2**0.5)))),
        ("norm", 3.0, 1 / 2),
    ],
)
def test_the_distorted_mean_of_a_uniform_return_is_the_integral_by_hand(risk, level, expected):
    assert known(lambda taus: taus, risk, level) == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("power", [0.3, 1.0, 4.0])
def test_averse_is_below_neutral_is_below_seeking(power):
    def value(risk: str, level: float) -> float:
        return known(lambda taus: taus**power, risk, level)

    neutral = value("neutral", 0.0)
    assert value("cvar", 0.1) < value("cvar", 0.5) < neutral
    for risk in ("pow", "wang"):
        assert value(risk, -2) < value(risk, -0.5) < neutral < value(risk, 0.5) < value(risk, 2)


@pytest.mark.parametrize("profile", [COMPACT, LOWDIM], ids=lambda p: p.name)
def test_without_risk_the_value_is_the_mean_of_the_quantiles(profile):
    q = spread(make_q_function(profile, kind="quantile"), factor=1.5)
    (image, state), actions = observations(profile), valid_actions(profile)
    embedding = q.encode(image)
    taus = ((torch.arange(1000) + 0.5) / 1000).expand(3, -1)
    quantiles = torch.sigmoid(q.quantiles(embedding, state, actions, taus))
    assert quantiles.std(-1).max() > 0.05, "the quantiles must differ"
    values = torch.sigmoid(q.evaluate(embedding, state, actions))
    torch.testing.assert_close(values, quantiles.mean(-1), atol=0.02, rtol=0)


def test_risk_needs_no_other_weights():
    neutral, averse = (make_q_function(LOWDIM, kind="quantile", risk=r, risk_level=0.1) for r in ("neutral", "cvar"))
    spread(neutral, factor=1.5)
    averse.load_state_dict(neutral.state_dict())
    (image, state), actions = observations(LOWDIM), valid_actions(LOWDIM)
    assert (averse.risk, averse.risk_level) == ("cvar", 0.1)
    assert not torch.allclose(averse(image, state, actions), neutral(image, state, actions), atol=0.05)
    taus = torch.rand(3, 4)
    embedding = neutral.encode(image)
    assert torch.equal(*(q.quantiles(embedding, state, actions, taus) for q in (neutral, averse)))


def test_each_state_has_taus_of_its_own():
    q = spread(make_q_function(LOWDIM, kind="quantile"))
    (image, state), actions = observations(LOWDIM), valid_actions(LOWDIM)
    embedding, taus = q.encode(image), torch.rand(3, 4)
    together = q.quantiles(embedding, state, actions, taus)
    assert together.shape == (3, 5, 4)
    for b in range(3):
        alone = q.quantiles(embedding[b, None], state[b, None], actions[b, None], taus[b, None])
        torch.testing.assert_close(together[b], alone[0], atol=1e-3, rtol=1e-4)


def test_half_precision_keeps_the_quantiles_apart():
    q = make_q_function(LOWDIM, kind="quantile").eval()
    (image, state), actions = observations(LOWDIM), valid_actions(LOWDIM)
    taus = torch.linspace(0.9, 1, 64).expand(3, -1)  # closer together than bf16 numbers are
    exact = q.quantiles(q.encode(image), state, actions, taus)
    q = q.to(torch.bfloat16)
    torch.testing.assert_close(q.quantiles(q.encode(image), state, actions, taus), exact, atol=0.02, rtol=0.02)


def test_mirror_images_are_averaged():
    q = make_q_function(COMPACT, kind="quantile", risk="cvar", risk_level=0.5)
    mirrored = MirroredQFunction(q, COMPACT)
    (image, state), actions = observations(COMPACT), valid_actions(COMPACT)
    flipped = actions.clone()
    flipped[..., [0, 3]] *= -1
    torch.testing.assert_close(mirrored(image.flip(2), state, flipped), mirrored(image, state, actions))
