"""Q-functions: torch modules that share encode() and evaluate()."""

from qtopt_agent.q_functions.actor_critic import ActorCriticQFunction
from qtopt_agent.q_functions.base import QFunction
from qtopt_agent.q_functions.factory import make_q_function
from qtopt_agent.q_functions.mirrored import MirroredQFunction
from qtopt_agent.q_functions.naf import NafQFunction
from qtopt_agent.q_functions.quantile import QuantileQFunction

__all__ = [
    "ActorCriticQFunction",
    "MirroredQFunction",
    "NafQFunction",
    "QFunction",
    "QuantileQFunction",
    "make_q_function",
]
