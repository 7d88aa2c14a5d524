"""Profiles and inputs that the tests of all kinds of Q-functions share."""

import dataclasses

import numpy as np
import torch

from qtopt_agent.core.action import ActionSpace, grasp_action_space
from qtopt_agent.core.observation import ObservationSpec
from qtopt_agent.core.profile import COMPACT, LOWDIM, Profile
from qtopt_agent.maximizers.action_code import ActionCode
from qtopt_agent.q_functions import QFunction

# One mode and no angle; and an angle that wraps round.
ONE_NUMBER = dataclasses.replace(
    LOWDIM,
    name="one-number",
    observation=ObservationSpec((0, 0), ("cos", "sin", "speed")),
    action_space=ActionSpace((-2.0,), (2.0,)),
)
FULL_TURN = dataclasses.replace(LOWDIM, name="full-turn", action_space=grasp_action_space((0.06, 0.06, 0.06), np.pi))
PROFILES = [COMPACT, LOWDIM, ONE_NUMBER, FULL_TURN]
KINDS = ["scalar", "quantile", "naf", "actor_critic"]


def observations(profile: Profile, batch: int = 3, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    image = torch.randint(0, 256, [batch, *profile.observation.image_size, 3], dtype=torch.uint8, generator=generator)
    return image, torch.rand([batch, profile.observation.state_size], generator=generator)


def valid_actions(profile: Profile, batch: int = 3, samples: int = 5, seed: int = 0) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    return torch.from_numpy(
        np.stack([[profile.action_space.sample(rng) for _ in range(samples)] for _ in range(batch)])
    )


def proposed_actions(q: QFunction, profile: Profile, embedding: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
    return ActionCode(profile.action_space).decode(*q.propose(embedding, state))


def spread(q: QFunction, seed: int = 0, factor: float = 3.0) -> QFunction:
    """Larger random weights than a network starts with, so that what it says depends on its inputs."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in q.parameters():
            if weight.dim() == 2:
                weight.copy_(factor * torch.randn(weight.shape, generator=generator) / (3 * weight.shape[1]) ** 0.5)
    return q.eval()
