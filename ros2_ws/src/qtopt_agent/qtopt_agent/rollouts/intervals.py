"""How sure a counted success rate is."""

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
