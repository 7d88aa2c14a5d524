"""Q-functions: torch modules that share encode() and evaluate()."""

from qtopt_agent.q_functions.base import QFunction
from qtopt_agent.q_functions.factory import make_q_function
from qtopt_agent.q_functions.mirrored import MirroredQFunction

__all__ = ["MirroredQFunction", "QFunction", "make_q_function"]
