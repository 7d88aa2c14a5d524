"""From a manifest and weights to the policy: compiled here, from this package's own code."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.profile import Profile
from qtopt_agent.maximizers import make_maximizer
from qtopt_agent.models.manifest import ModelSpec
from qtopt_agent.policies import TorchScriptPolicy
from qtopt_agent.policies.scripted_module import DeployableMaximizer, script_policy
from qtopt_agent.processes.device import CPU
from qtopt_agent.q_functions import MirroredQFunction, QFunction, make_q_function


def build_q(spec: ModelSpec) -> QFunction:
    """The Q-function whose weights the model has. Raises InvalidInput where its parts do not fit each other."""
    return make_q_function(spec.profile, spec.aux_size, 0, spec.kind, spec.risk, spec.risk_level)


def build_policy(
    spec: ModelSpec, q: QFunction, weights: Mapping[str, Tensor], name: str, device: torch.device = CPU
) -> TorchScriptPolicy:
    """The policy of `q`, from `build_q`, with `weights`. Raises InvalidInput where its parts do not fit each other."""
    q.load_state_dict(dict(weights))
    search = build_search(spec.profile, spec.search)
    module = script_policy(acting(q, spec.profile, spec.mirrored), search, spec.profile)
    return TorchScriptPolicy(module, spec.profile, name=name, device=device)


def build_search(profile: Profile, settings: Mapping[str, Any]) -> DeployableMaximizer:
    """The maximiser with these `settings`. Raises InvalidInput on some that do not fit, or that cannot be compiled."""
    search = make_maximizer(space=profile.action_space, **({"iterations": 1} | dict(settings)))
    if not isinstance(search, DeployableMaximizer):
        raise InvalidInput(f"maximiser {settings['name']!r} does not run in TorchScript")
    return search


def acting(q: QFunction, profile: Profile, mirrored: bool) -> QFunction:
    """What a policy evaluates: `q`, or its mean over the task's mirror images."""
    return MirroredQFunction(q, profile) if mirrored else q


def count_parameters(q: QFunction) -> int:
    """Numbers that learning sets."""
    return sum(parameter.numel() for parameter in q.parameters())
