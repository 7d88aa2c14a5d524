"""Risk: distortions of the probability scale that a quantile head is averaged over."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from qtopt_agent.core.errors import InvalidInput

SMALLEST_CPW = 0.3  # below 0.28 it is no longer increasing
LARGEST_NORM = 10  # more terms of alternating sign than this lose their digits


def distort(risk: str, level: float, taus: Tensor) -> Tensor:
    """beta(tau) for `taus` in 0..1, increasing: the distorted mean is that of the beta(tau)-quantiles, tau uniform.

    Where beta(tau) < tau bad outcomes weigh more: risk-averse. Dabney et al. 2018 (IQN), section 3, also Bodnar et al.
    2020 (Q2-Opt), section 4:

    - neutral: tau. `level` is not used.
    - cvar: level tau, the mean of the worst `level` share of outcomes; 0 < level <= 1.
    - wang: Phi(Phi^-1(tau) + level), Phi the normal distribution function; averse where level < 0.
    - pow: 1 - (1 - tau)^(1 / (1 - level)) where level < 0, averse; tau^(1 / (1 + level)) otherwise.
    - cpw: tau^level / (tau^level + (1 - tau)^level)^(1 / level), level >= 0.3: below 1 both extremes weigh more (0.71
      fits people), 1 is neutral.
    - norm: the tau-quantile of the mean of `level` uniform numbers, 1 to 10: extremes weigh less, 1 is neutral.

    Raises InvalidInput on an unknown risk or a level outside these ranges.
    """
    if risk not in RISKS:
        raise InvalidInput(f"unknown risk {risk!r}, expected one of {', '.join(RISKS)}")
    if not math.isfinite(level):
        raise InvalidInput(f"risk_level is {level}, expected a finite number")
    # In float64: the normal distribution's tails have no digits to lose.
    return RISKS[risk](taus.double(), level).to(taus.dtype)


def _neutral(taus: Tensor, level: float) -> Tensor:
    return taus


def _cvar(taus: Tensor, level: float) -> Tensor:
    _expect(0 < level <= 1, "cvar", level, "0 < level <= 1")
    return level * taus


def _wang(taus: Tensor, level: float) -> Tensor:
    return torch.special.ndtr(torch.special.ndtri(taus) + level)


def _pow(taus: Tensor, level: float) -> Tensor:
    exponent = 1 / (1 + abs(level))
    return taus**exponent if level >= 0 else 1 - (1 - taus) ** exponent


def _cpw(taus: Tensor, level: float) -> Tensor:
    _expect(level >= SMALLEST_CPW, "cpw", level, f"level >= {SMALLEST_CPW}")
    good, bad = taus**level, (1 - taus) ** level
    return good / (good + bad) ** (1 / level)


def _norm(taus: Tensor, level: float) -> Tensor:
    count = round(level)
    _expect(count == level and 1 <= count <= LARGEST_NORM, "norm", level, f"a whole number from 1 to {LARGEST_NORM}")
    rarer = torch.minimum(taus, 1 - taus)  # the other tail is its mirror image, and a sum that cancels
    low, high = torch.zeros_like(taus), torch.ones_like(taus)
    for _ in range(60):  # bisection down to the last bit
        middle = (low + high) / 2
        below = _mean_of_uniforms(middle, count) < rarer
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return torch.where(taus < 0.5, low, 1 - low)


def _mean_of_uniforms(x: Tensor, count: int) -> Tensor:
    """The chance that the mean of `count` numbers uniform in 0..1 is below x (Irwin-Hall)."""
    terms = [(-1) ** k * math.comb(count, k) * (count * x - k).clamp_min(0) ** count for k in range(count + 1)]
    return torch.stack(terms).sum(0) / math.factorial(count)


def _expect(holds: bool, risk: str, level: float, expected: str) -> None:
    if not holds:
        raise InvalidInput(f"risk_level is {level}, {risk} takes {expected}")


RISKS: dict[str, Callable[[Tensor, float], Tensor]] = {
    "neutral": _neutral,
    "cvar": _cvar,
    "wang": _wang,
    "pow": _pow,
    "cpw": _cpw,
    "norm": _norm,
}
