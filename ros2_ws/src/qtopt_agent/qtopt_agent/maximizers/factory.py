"""From a name to a maximiser."""

from collections.abc import Sequence

from torch import nn

from qtopt_agent.core.action import ActionSpace
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.maximizers.base import Maximizer
from qtopt_agent.maximizers.cem import CEM, ICEM
from qtopt_agent.maximizers.cma_es import CMAES
from qtopt_agent.maximizers.gradient import GradientAscent
from qtopt_agent.maximizers.grid import Grid
from qtopt_agent.maximizers.policy_weights import PolicyWeightCEM
from qtopt_agent.maximizers.proposal import Proposal
from qtopt_agent.maximizers.random_shooting import RandomShooting

NAMES = ("cem", "icem", "cma_es", "gradient", "random", "grid", "policy_weights", "proposal")


def make_maximizer(
    name: str,
    space: ActionSpace,
    samples: int = 64,
    elites: int = 6,
    iterations: int = 2,
    levels: Sequence[float] = (),
    projection: nn.Module | None = None,
) -> Maximizer:
    """The maximiser called `name` over `space`; `projection` is applied to every action it tries.

    Random shooting scores samples x iterations actions, so that its budget is CEM's; CMA-ES has elites of its own; grid
    takes `levels` alone, and "proposal" asks the Q-function. Raises InvalidInput on an unknown name or settings that
    the maximiser cannot work with.
    """
    if name == "cem":
        return CEM(space, samples, elites, iterations, projection=projection)
    if name == "icem":
        return ICEM(space, samples, elites, iterations, projection=projection)
    if name == "cma_es":
        return CMAES(space, samples, iterations, projection)
    if name == "gradient":
        return GradientAscent(space, samples, elites, iterations, projection=projection)
    if name == "policy_weights":
        return PolicyWeightCEM(space, samples, elites, iterations, projection)
    if name == "random":
        return RandomShooting(space, samples * iterations, projection)
    if name == "grid":
        return Grid(space, levels, projection)
    if name == "proposal":
        return Proposal(space, projection)
    raise InvalidInput(f"unknown maximiser {name!r}, expected one of {', '.join(NAMES)}")
