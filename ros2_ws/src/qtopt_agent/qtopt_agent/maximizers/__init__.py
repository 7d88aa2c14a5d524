"""Maximisers: argmax_a Q(s, a), batched over states and samples."""

from qtopt_agent.maximizers.base import AskTell, Maximizer, Maximum
from qtopt_agent.maximizers.cem import CEM, ICEM
from qtopt_agent.maximizers.factory import make_maximizer
from qtopt_agent.maximizers.grid import Grid
from qtopt_agent.maximizers.proposal import Proposal
from qtopt_agent.maximizers.random_shooting import RandomShooting

__all__ = ["CEM", "ICEM", "AskTell", "Grid", "Maximizer", "Maximum", "Proposal", "RandomShooting", "make_maximizer"]
