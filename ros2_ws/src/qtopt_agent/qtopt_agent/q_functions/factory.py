"""From a profile to its network."""

import torch

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.profile import Profile
from qtopt_agent.q_functions.base import QFunction
from qtopt_agent.q_functions.compact import CompactQFunction
from qtopt_agent.q_functions.grasping44 import Grasping44
from qtopt_agent.q_functions.mlp import MlpQFunction

NETWORKS: dict[str, type[QFunction]] = {"grasping44": Grasping44, "compact": CompactQFunction, "mlp": MlpQFunction}


def make_q_function(profile: Profile, aux_size: int = 0, seed: int = 0) -> QFunction:
    """The profile's network, its weights drawn from `seed`; `aux_size` numbers are predicted by `auxiliary`.

    Raises InvalidInput on an unknown network or one that does not take the profile's inputs.
    """
    if profile.network not in NETWORKS:
        raise InvalidInput(f"unknown network {profile.network!r}, expected one of {', '.join(NETWORKS)}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return NETWORKS[profile.network](profile, aux_size)
