import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.q_functions.distortion import distort

NORMAL = torch.distributions.Normal(0.0, 1.0)
LEVELS = {
    "neutral": st.just(0.0),
    "cvar": st.floats(0.01, 1.0),
    "wang": st.floats(-3.0, 3.0),
    "pow": st.floats(-5.0, 5.0),
    "cpw": st.floats(0.3, 3.0),
    "norm": st.integers(1, 10).map(float),
}
risks = st.sampled_from(list(LEVELS)).flatmap(lambda risk: st.tuples(st.just(risk), LEVELS[risk]))
TAUS = torch.linspace(0, 1, 201)


@given(risks)
def test_a_distortion_increases_from_0_to_1(risk):
    name, level = risk
    beta = distort(name, level, TAUS)
    assert beta[0] == pytest.approx(0, abs=1e-6)
    assert beta[-1] == pytest.approx(level if name == "cvar" else 1, abs=1e-6)
    assert (beta.diff() >= 0).all() and beta.dtype == TAUS.dtype
    inner = beta[20:-20]
    assert (inner.diff() > 0).all()


@pytest.mark.parametrize(
    ("name", "level"), [("neutral", 0.7), ("cvar", 1), ("wang", 0), ("pow", 0), ("cpw", 1), ("norm", 1)]
)
def test_the_neutral_level_changes_nothing(name, level):
    torch.testing.assert_close(distort(name, level, TAUS), TAUS, atol=1e-6, rtol=0)


@given(st.sampled_from([("cvar", 0.25), ("wang", -0.75), ("pow", -2.0)]))
def test_averse_distortions_lie_below_and_their_opposites_above(risk):
    name, level = risk
    assert (distort(name, level, TAUS) <= TAUS + 1e-6).all()
    if name != "cvar":
        assert (distort(name, -level, TAUS) >= TAUS - 1e-6).all()


def test_values_by_hand():
    def at(name: str, level: float, tau: float) -> float:
        return float(distort(name, level, torch.tensor([tau])))

    assert at("cvar", 0.25, 0.8) == pytest.approx(0.2)
    assert at("pow", -2, 0.875) == pytest.approx(0.5)  # 1 - (1/8)^(1/3)
    assert at("pow", 2, 0.125) == pytest.approx(0.5)
    assert at("cpw", 0.5, 0.5) == pytest.approx(math.sqrt(0.5) / (2 * math.sqrt(0.5)) ** 2)
    assert at("wang", -1, 0.5) == pytest.approx(float(NORMAL.cdf(torch.tensor(-1.0))))
    assert at("norm", 2, 0.125) == pytest.approx(0.25)  # the mean of two is below x with chance 2 x^2, x < 1/2


def test_norm_is_the_distribution_of_a_mean_of_uniform_numbers():
    drawn = torch.rand([200_000, 3], generator=torch.Generator().manual_seed(0)).mean(1)
    taus = torch.tensor([0.02, 0.3, 0.5, 0.9])
    torch.testing.assert_close(distort("norm", 3, taus), drawn.quantile(taus), atol=4e-3, rtol=0)


@pytest.mark.parametrize(
    ("name", "level", "expected"),
    [
        ("cvar", 0.0, "0 < level <= 1"),
        ("cvar", 1.5, "0 < level <= 1"),
        ("cpw", 0.1, "level >= 0.3"),
        ("norm", 2.5, "a whole number from 1 to 10"),
        ("norm", 40, "a whole number from 1 to 10"),
        ("wang", math.nan, "a finite number"),
        ("brave", 1.0, "expected one of neutral, cvar, wang, pow, cpw, norm"),
    ],
)
def test_levels_outside_the_range_are_refused(name, level, expected):
    with pytest.raises(InvalidInput, match=expected):
        distort(name, level, TAUS)
