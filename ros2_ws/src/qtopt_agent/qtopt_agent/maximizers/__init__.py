"""Maximisers: argmax_a Q(s, a), batched over states and samples."""

from qtopt_agent.maximizers.base import Maximizer, Maximum
from qtopt_agent.maximizers.cem import CEM
from qtopt_agent.maximizers.random_shooting import RandomShooting

__all__ = ["CEM", "Maximizer", "Maximum", "RandomShooting"]
