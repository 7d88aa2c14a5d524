"""How well two Q-functions foretell the same grasps, and how sure their difference is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.errors import InvalidInput

RESAMPLES = 2_000
_AT_ONCE = 100  # resamples, for the sake of memory
_LEAST = 1e-6  # of a probability: what a Q of 0 or 1 costs that was wrong stays finite


@dataclass(frozen=True)
class Foretold:
    """One attempt. q: of each step's action [T]. value: discounted sum of its rewards from there, 0..1 [T]."""

    q: NDArray[np.float64]
    value: NDArray[np.float64]
    success: bool


@dataclass(frozen=True)
class Difference:
    """A measure of both models, and by how much the second is better; low: 95 % sure that it is at least so much."""

    incumbent: float
    candidate: float
    better: float
    low: float


def log_loss(incumbent: Sequence[Foretold], candidate: Sequence[Foretold], seed: int = 0) -> Difference:
    """Mean cross entropy of Q and what was earned from each step on; every attempt counts alike, smaller is better.

    Both are of the same attempts. The bound is that of a paired bootstrap over attempts (Efron and Tibshirani 1993,
    chapter 13), one-sided. Raises InvalidInput without attempts.
    """
    losses = [np.array([_cross_entropy(each) for each in model]) for model in (incumbent, candidate)]
    counts = _resampled(len(losses[0]), seed)
    gained = losses[0] - losses[1]
    low = np.quantile(np.concatenate([part @ gained / len(gained) for part in counts]), 0.05)
    return Difference(float(losses[0].mean()), float(losses[1].mean()), float(gained.mean()), float(low))


def ranking(incumbent: Sequence[Foretold], candidate: Sequence[Foretold], seed: int = 0) -> Difference:
    """How often Q of a step of an attempt that succeeded is above that of one that failed (area under the ROC curve).

    Off-policy classification, after Irpan et al. 2019; every attempt counts alike, larger is better. The bound as for
    `log_loss`. Raises InvalidInput unless there are attempts of both kinds.
    """
    areas = [_Area(model) for model in (incumbent, candidate)]
    whole = [area.of(np.ones((1, len(incumbent))))[0] for area in areas]
    if not np.isfinite(whole).all():
        raise InvalidInput("all attempts succeeded, or all failed: expected some of both to rank them by Q")
    found = np.concatenate([areas[1].of(part) - areas[0].of(part) for part in _resampled(len(incumbent), seed)])
    low = float(np.quantile(found[np.isfinite(found)], 0.05))
    return Difference(float(whole[0]), float(whole[1]), float(whole[1] - whole[0]), low)


class _Area:
    """Area under the ROC curve of steps, for any weights of attempts."""

    def __init__(self, attempts: Sequence[Foretold]) -> None:
        attempt = np.repeat(np.arange(len(attempts)), [len(each.q) for each in attempts])
        q = np.concatenate([each.q for each in attempts])
        order = np.argsort(q, kind="stable")
        self._attempt = attempt[order]
        self._share = (1 / np.bincount(attempt))[self._attempt]
        self._success = np.array([each.success for each in attempts])[self._attempt]
        self._first = np.flatnonzero(np.diff(q[order], prepend=-1.0))  # of each group of equal Q

    def of(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """[R] of weights [R, attempts]; NaN where only one kind of attempt has any."""
        each = weights[:, self._attempt] * self._share
        good, bad = (np.add.reduceat(each * kind, self._first, axis=1) for kind in (self._success, ~self._success))
        below = np.cumsum(bad, axis=1) - bad / 2
        pairs = good.sum(1) * bad.sum(1)
        return np.divide((good * below).sum(1), pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)


def _cross_entropy(attempt: Foretold) -> float:
    q, value = np.clip(attempt.q, _LEAST, 1 - _LEAST), np.clip(attempt.value, 0, 1)
    return float(-(value * np.log(q) + (1 - value) * np.log(1 - q)).mean())


def _resampled(attempts: int, seed: int) -> list[NDArray[np.float64]]:
    """How often each attempt is drawn, in parts [_AT_ONCE, attempts]."""
    if attempts == 0:
        raise InvalidInput("there are no attempts to compare models on")
    rng, even = np.random.default_rng(seed), np.full(attempts, 1 / attempts)
    return [rng.multinomial(attempts, even, size=_AT_ONCE).astype(float) for _ in range(RESAMPLES // _AT_ONCE)]
