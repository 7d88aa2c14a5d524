"""From a profile to its Q-function."""

import torch

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.profile import Profile
from qtopt_agent.core.seeds import torch_seed
from qtopt_agent.q_functions.actor_critic import ActorCriticQFunction
from qtopt_agent.q_functions.base import QFunction
from qtopt_agent.q_functions.compact import CompactQFunction
from qtopt_agent.q_functions.detailed import DetailedQFunction
from qtopt_agent.q_functions.grasping44 import Grasping44
from qtopt_agent.q_functions.mlp import MlpQFunction
from qtopt_agent.q_functions.naf import NafQFunction
from qtopt_agent.q_functions.network import ContextNetwork
from qtopt_agent.q_functions.quantile import QuantileQFunction

NETWORKS: dict[str, type[QFunction]] = {
    "grasping44": Grasping44,
    "compact": CompactQFunction,
    "detailed": DetailedQFunction,
    "mlp": MlpQFunction,
}
KINDS = ("scalar", "quantile", "naf", "actor_critic")


def make_q_function(
    profile: Profile,
    aux_size: int = 0,
    seed: int = 0,
    kind: str = "scalar",
    risk: str = "neutral",
    risk_level: float = 0.0,
) -> QFunction:
    """The profile's network, its weights drawn from `seed`; `aux_size` numbers are predicted by `auxiliary`.

    `kind` is what it says of an action: "scalar" one logit, "quantile" the distribution of the return, averaged under
    `risk` at `risk_level` (see `distort`), "naf" and "actor_critic" one logit and, by `propose`, where it is highest.

    Raises InvalidInput on an unknown network, kind or risk, or on parts that do not fit each other.
    """
    if profile.network not in NETWORKS:
        raise InvalidInput(f"unknown network {profile.network!r}, expected one of {', '.join(NETWORKS)}")
    if kind not in KINDS:
        raise InvalidInput(f"unknown kind of Q-function {kind!r}, expected one of {', '.join(KINDS)}")
    if kind != "quantile" and (risk, risk_level) != ("neutral", 0.0):
        raise InvalidInput(f"risk {risk!r} at level {risk_level}: a {kind} Q-function has no distribution to distort")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(torch_seed(seed))
        network = NETWORKS[profile.network](profile, aux_size)
        if kind == "scalar":
            return network
        if not isinstance(network, ContextNetwork):
            raise InvalidInput(f"network {profile.network!r} comes as scalar only, not as {kind}")
        if kind == "quantile":
            return QuantileQFunction(network, profile, risk, risk_level)
        return NafQFunction(network, profile) if kind == "naf" else ActorCriticQFunction(network, profile)
