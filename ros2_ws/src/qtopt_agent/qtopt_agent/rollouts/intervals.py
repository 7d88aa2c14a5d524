"""How sure a counted success rate is."""

from collections.abc import Sequence
from math import sqrt

from qtopt_agent.core.errors import InvalidInput


def wilson(successes: int, trials: int, z: float = 1.96) -> tuple[float, float]:
    """Score interval of a proportion (Wilson 1927, JASA 22), 95 % by default; stays within 0..1 and holds for 0 and n.

    Raises InvalidInput unless 0 <= successes <= trials and there is a trial.
    """
    if not 0 <= successes <= trials or trials < 1:
        raise InvalidInput(f"{successes} successes of {trials}: expected 0 <= successes <= trials and at least 1 trial")
    p = successes / trials
    middle = (p + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z / (1 + z**2 / trials) * sqrt(p * (1 - p) / trials + z**2 / (4 * trials**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def paired_difference(first: Sequence[bool], second: Sequence[bool], z: float = 1.645) -> tuple[float, float]:
    """By how much the success rate of `second` is above that of `first`, and the lower bound of that, 95 % by default.

    Both tried the same grasps, in this order. One-sided, after Agresti and Min 2005 (Statistics in Medicine 24): half
    an outcome is added to each of the four kinds of pairs. Raises InvalidInput unless there are as many of both.
    """
    if len(first) != len(second) or not first:
        raise InvalidInput(f"{len(first)} and {len(second)} outcomes: expected as many of both, and at least 1")
    pairs = list(zip(first, second, strict=True))
    gained, lost, n = pairs.count((False, True)) + 0.5, pairs.count((True, False)) + 0.5, len(pairs) + 2
    middle = (gained - lost) / n
    error = sqrt(gained + lost - (gained - lost) ** 2 / n) / n
    return (sum(second) - sum(first)) / len(pairs), middle - z * error
