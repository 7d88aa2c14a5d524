"""What an actor process does: attempts side by side, whose decisions are made in batches."""

import os
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from qtopt_agent.core.episode import Episode
from qtopt_agent.core.policy import Policy, decide_all
from qtopt_agent.learning.checkpoint import load_weights
from qtopt_agent.learning.parts import collecting_policy, evaluation_maximizer, make_network
from qtopt_agent.learning.preset import Preset
from qtopt_agent.policies import GreedyPolicy
from qtopt_agent.q_functions import QFunction
from qtopt_agent.rollouts.episode_runner import Attempt
from qtopt_agent.rollouts.whole_frames import as_cropped
from qtopt_agent.simulation import PRIVILEGED_SIZE, make_robot
from qtopt_agent.simulation.robot import SimulatedRobot
from qtopt_agent.simulation.scripted import ScriptedPolicy

SMALL = 96  # px
AT_ONCE = 16


@dataclass(frozen=True)
class Order:
    """One episode to run, laid out by `seed` on objects of a split.

    weights: the acting network's file; None asks for the scripted policy. epsilon and noise: as in ExploringPolicy.
    temperature: as in BoltzmannPolicy, 0 for the best action.
    evaluation: the gradient step that is being evaluated, without exploration; None where data is collected.
    """

    objects: str
    seed: int
    weights: str | None = None
    epsilon: float = 0.0
    noise: float = 0.0
    temperature: float = 0.0
    evaluation: int | None = None


Version = tuple[str, int]
"""A file of weights, and when it was written."""


@dataclass(frozen=True)
class _Deciding:
    """What orders have in common that are decided by one policy."""

    version: Version | None
    epsilon: float
    noise: float
    temperature: float
    evaluates: bool
    objects: str  # where the script decides, which goes by them


@dataclass(frozen=True)
class _UnderWay:
    number: int
    order: Order
    robot: SimulatedRobot
    attempt: Attempt
    deciding: _Deciding
    rng: np.random.Generator


def attempts_at_once(preset: Preset) -> int:
    """How many attempts an actor makes side by side, so that what a decision costs beside its arithmetic is shared.

    One where images are large, whose arithmetic costs more than everything else.
    """
    return AT_ONCE if max(preset.acting_profile().observation.image_size) <= SMALL else 1


class Worker:
    """Robots and networks for up to `at_once` attempts.

    An order gives the same episode whatever runs beside it: its randomness is its own, every decision is one of a batch
    of `at_once`, and weights that are replaced in its file meanwhile are for the orders after it.
    """

    def __init__(self, preset: Preset, at_once: int) -> None:
        self._preset, self._profile, self._at_once = preset, preset.acting_profile(), at_once
        self._kept = preset.kept_profile()
        self._networks: dict[Version, QFunction] = {}
        self._policies: dict[_Deciding, Policy] = {}
        self._idle: dict[str, list[SimulatedRobot]] = defaultdict(list)
        self._under_way: list[_UnderWay] = []

    @property
    def busy(self) -> bool:
        """Whether any attempt is under way."""
        return bool(self._under_way)

    @property
    def full(self) -> bool:
        """Whether no other attempt can begin."""
        return len(self._under_way) >= self._at_once

    def begin(self, number: int, order: Order) -> None:
        """Lay out the order's objects; `number` is what its episode is handed back with."""
        deciding = _deciding(order)
        idle = self._idle[order.objects]
        clutter, looks = self._preset.collection.clutter, self._preset.looks
        robot = idle.pop() if idle else make_robot(self._kept, order.objects, clutter, looks=looks)
        margin = 0.0 if deciding.evaluates else self._preset.collection.lift_margin
        attempt = Attempt(robot, self._kept, partial(robot.succeeded, margin), order.seed)
        rng = np.random.default_rng([order.seed, 1])
        self._under_way.append(_UnderWay(number, order, robot, attempt, deciding, rng))
        if deciding not in self._policies:
            self._policies[deciding] = self._policy(deciding)
            self._forget()

    def step(self) -> list[tuple[int, Episode]]:
        """One motion of every attempt; the numbers and episodes of those that are over."""
        for deciding, policy in self._policies.items():
            together = [each for each in self._under_way if each.deciding == deciding]
            if together:
                seen = [as_cropped(each.attempt.observation, self._profile) for each in together]
                decisions = decide_all(policy, seen, [each.rng for each in together])
                for each, decision in zip(together, decisions, strict=True):
                    each.attempt.act(decision)
        over = [each for each in self._under_way if each.attempt.over]
        self._under_way = [each for each in self._under_way if not each.attempt.over]
        for each in over:
            self._idle[each.order.objects].append(each.robot)
        return [(each.number, self._episode(each)) for each in over]

    def _episode(self, each: _UnderWay) -> Episode:
        return each.attempt.episode(f"{each.order.objects}-{each.order.seed}", self._policies[each.deciding].name)

    def _policy(self, deciding: _Deciding) -> Policy:
        if deciding.version is None:
            margin = self._preset.collection.lift_margin
            return ScriptedPolicy(self._profile, objects=deciding.objects, lift_margin=margin)
        preset, profile, network = self._preset, self._profile, self._network(deciding.version)
        if deciding.evaluates:
            return GreedyPolicy(network, evaluation_maximizer(preset, profile), profile, fewest=self._at_once)
        exploration = deciding.epsilon, deciding.noise, deciding.temperature
        return collecting_policy(preset, profile, network, *exploration, fewest=self._at_once)

    def _network(self, version: Version) -> QFunction:
        if version not in self._networks:
            self._networks[version] = make_network(self._preset, self._profile, PRIVILEGED_SIZE)
            load_weights(Path(version[0]), self._networks[version])
        return self._networks[version]

    def _forget(self) -> None:
        """Drop the policies and networks that no attempt needs any longer."""
        needed = {each.deciding for each in self._under_way}
        versions = {deciding.version for deciding in needed}
        self._policies = {deciding: policy for deciding, policy in self._policies.items() if deciding in needed}
        self._networks = {version: network for version, network in self._networks.items() if version in versions}


def _deciding(order: Order) -> _Deciding:
    version = None if order.weights is None else (order.weights, os.stat(order.weights).st_mtime_ns)
    objects = order.objects if version is None else ""
    return _Deciding(version, order.epsilon, order.noise, order.temperature, order.evaluation is not None, objects)
