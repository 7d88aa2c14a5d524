"""A policy that now and then tries something else, for collecting data."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.observation import Observation
from qtopt_agent.core.policy import Decision, Policy, decide_all
from qtopt_agent.core.profile import Profile
from qtopt_agent.maximizers.action_code import ActionCode

Actions = NDArray[np.float32]

SAME = 1e-5  # unit coordinates nearer than this are one: float32 actions were on their way through sines and metres


class ExploringPolicy:
    """With probability `epsilon` a uniform random action, otherwise `policy`'s plus Gaussian noise.

    `noise` is the standard deviation on translation and angle, as a fraction of half their range; flags stay as they
    are. An action that the policy did not choose itself carries no Q (NaN). Where the density of `policy` is known, so
    is that of the decision: see `exploring_log_density`.
    """

    def __init__(self, policy: Policy, profile: Profile, epsilon: float = 0.1, noise: float = 0.0) -> None:
        if not 0 <= epsilon <= 1 or not 0 <= noise < np.inf:
            raise InvalidInput(f"epsilon {epsilon}, noise {noise}: expected 0 <= epsilon <= 1 and a finite noise >= 0")
        self.name = f"exploring-{policy.name}"
        self._policy, self._space = policy, profile.action_space
        self._code = ActionCode(profile.action_space)
        self._epsilon, self._noise = epsilon, noise

    def decide(self, observation: Observation, rng: np.random.Generator) -> Decision:
        """A valid action. Raises what the policy raises."""
        return self.decide_all([observation], [rng])[0]

    def decide_all(self, observations: Sequence[Observation], rngs: Sequence[np.random.Generator]) -> list[Decision]:
        """A valid action for each observation. Raises what the policy raises."""
        decisions = decide_all(self._policy, observations, rngs)
        if self._epsilon == self._noise == 0:
            return decisions
        greedy = np.stack([decision.action for decision in decisions])
        action, own = self._explore(greedy, rngs)
        log_density = torch.tensor([decision.log_density for decision in decisions])
        if not bool(log_density.isnan().all()):
            tensors = torch.from_numpy(action), torch.from_numpy(greedy)
            log_density += exploring_log_density(self._code, *tensors, self._epsilon, self._noise)
        q = [decision.q if mine else math.nan for decision, mine in zip(decisions, own, strict=True)]
        return [Decision(*parts) for parts in zip(action, q, log_density.tolist(), strict=True)]

    def _explore(self, greedy: Actions, rngs: Sequence[np.random.Generator]) -> tuple[Actions, list[bool]]:
        """Actions [B, A], and which of them are those of `greedy`."""
        space, noise = self._space, self._noise
        n, c = len(space.low), len(space.max_angle)
        action, offsets = greedy.copy(), np.zeros((len(greedy), n + c))
        random = [rng.random() < self._epsilon for rng in rngs]
        for i, rng in enumerate(rngs):
            if random[i]:
                action[i] = space.sample(rng)
            elif noise:
                offsets[i] = rng.normal(0, noise, n + c)
        if noise:
            half = (np.array(space.high) - np.array(space.low)) / 2
            moved = action.copy()
            moved[:, :n] += offsets[:, :n] * half
            circles = moved[:, n : n + 2 * c].reshape(len(moved), c, 2)
            angles = np.arctan2(circles[..., 0], circles[..., 1]) + offsets[:, n:] * np.array(space.max_angle)
            moved[:, n : n + 2 * c] = np.stack([np.sin(angles), np.cos(angles)], -1).reshape(len(moved), 2 * c)
            action = np.where(np.array(random)[:, None], action, space.project(moved))
        return action, [not (chance or noise) for chance in random]


def exploring_log_density(code: ActionCode, action: Tensor, greedy: Tensor, epsilon: float, noise: float) -> Tensor:
    """Log density [...] of actions [..., A] when a policy would have taken `greedy` [..., A] and explored.

    (1 - epsilon) N(u; greedy, noise^2) [same flags] + epsilon 2^-D / K, over D unit coordinates and K modes. Clipping
    moves what the Gaussian has beyond a bound onto it: there, the density is that share of probability, and the uniform
    part, which has none on the bound itself, is 0. Without noise, 1 - epsilon is the greedy action's own share.
    """
    unit, choice = (part.double() for part in code.encode(action))
    centre, greedy_choice = (part.double() for part in code.encode(greedy))
    wraps = code._period > 0
    clipped = (unit.abs() > 1 - SAME) & ~wraps
    if noise:
        near = _log_clipped_normal(unit, centre, noise, clipped)
        if wraps.any():
            near = torch.where(wraps, _log_wrapped_normal(unit - centre, noise), near)
        near = near.sum(-1)
    else:
        same = (code.difference(unit, centre).abs() <= SAME).all(-1)
        near = torch.where(same, 0.0, -math.inf)
    near = torch.where(choice.argmax(-1) == greedy_choice.argmax(-1), near, -math.inf)
    on_its_own = clipped.any(-1) if noise else near == 0
    uniform = torch.where(on_its_own, -math.inf, -code.unit_size * math.log(2) - math.log(code.choices))
    return torch.logaddexp(_log(1 - epsilon) + near, _log(epsilon) + uniform).float()


def _log(share: float) -> float:
    return math.log(share) if share else -math.inf


def _log_normal(offset: Tensor, std: float) -> Tensor:
    return -0.5 * (offset / std) ** 2 - math.log(std * math.sqrt(2 * math.pi))


def _log_clipped_normal(unit: Tensor, centre: Tensor, std: float, clipped: Tensor) -> Tensor:
    beyond = torch.special.log_ndtr((unit.sign() * centre - 1) / std)
    return torch.where(clipped, beyond, _log_normal(unit - centre, std))


def _log_wrapped_normal(offset: Tensor, std: float) -> Tensor:
    """Of a coordinate whose range, 2, is one turn: the sum over ways round."""
    return torch.stack([_log_normal(offset + 2 * turns, std) for turns in range(-3, 4)]).logsumexp(0)
