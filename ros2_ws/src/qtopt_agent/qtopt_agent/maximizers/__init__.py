"""Maximisers: argmax_a Q(s, a), batched over states and samples."""

from qtopt_agent.maximizers.base import AskTell, Maximizer, Maximum
from qtopt_agent.maximizers.cem import CEM, ICEM
from qtopt_agent.maximizers.cma_es import CMAES
from qtopt_agent.maximizers.draws import Generators
from qtopt_agent.maximizers.factory import make_maximizer
from qtopt_agent.maximizers.gradient import GradientAscent
from qtopt_agent.maximizers.grid import Grid
from qtopt_agent.maximizers.policy_weights import PolicyWeightCEM
from qtopt_agent.maximizers.proposal import Proposal
from qtopt_agent.maximizers.random_shooting import RandomShooting

__all__ = [
    "CEM",
    "CMAES",
    "ICEM",
    "AskTell",
    "Generators",
    "GradientAscent",
    "Grid",
    "Maximizer",
    "Maximum",
    "PolicyWeightCEM",
    "Proposal",
    "RandomShooting",
    "make_maximizer",
]
