"""A policy that now and then tries something else, for collecting data."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.observation import Observation
from qtopt_agent.core.policy import Decision, Policy, decide_all
from qtopt_agent.core.profile import Profile
from qtopt_agent.maximizers.action_code import ActionCode

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
        explored = [self._explore(decision, rng) for decision, rng in zip(decisions, rngs, strict=True)]
        own = torch.tensor([decision.log_density for decision in decisions])
        if not bool(own.isnan().all()):
            taken, greedy = (
                torch.from_numpy(np.stack([decision.action for decision in part])) for part in (explored, decisions)
            )
            own += exploring_log_density(self._code, taken, greedy, self._epsilon, self._noise)
        return [replace(d, log_density=density) for d, density in zip(explored, own.tolist(), strict=True)]

    def _explore(self, decision: Decision, rng: np.random.Generator) -> Decision:
        if rng.random() < self._epsilon:
            return Decision(self._space.sample(rng))
        if self._noise:
            return Decision(self._perturb(decision.action, rng))
        return decision

    def _perturb(self, action: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        space, a = self._space, action.copy()
        n, c = len(space.low), len(space.max_angle)
        half = (np.array(space.high) - np.array(space.low)) / 2
        a[:n] += rng.normal(0, self._noise, n) * half
        circles = a[n : n + 2 * c].reshape(c, 2)
        angles = np.arctan2(circles[:, 0], circles[:, 1]) + rng.normal(0, self._noise, c) * np.array(space.max_angle)
        a[n : n + 2 * c] = np.stack([np.sin(angles), np.cos(angles)], -1).ravel()
        return space.project(a)


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
