"""Processes that run episodes for the learner, each over its own pipe."""

import multiprocessing
import os
import sys
from collections import deque
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path

import numpy as np
import torch

from qtopt_agent.core.episode import Episode
from qtopt_agent.core.errors import QtoptError
from qtopt_agent.core.policy import Policy
from qtopt_agent.learning.checkpoint import load_weights
from qtopt_agent.learning.parts import collecting_policy, evaluation_maximizer, make_network
from qtopt_agent.learning.preset import Preset
from qtopt_agent.policies import GreedyPolicy
from qtopt_agent.processes.interrupts import ctrl_c_held
from qtopt_agent.processes.memory import keep_freed_memory
from qtopt_agent.rollouts.episode_runner import EpisodeRunner
from qtopt_agent.simulation import PRIVILEGED_SIZE, make_robot
from qtopt_agent.simulation.scripted import ScriptedPolicy

IN_FLIGHT = 2  # orders an actor has at hand, so that it never waits for the learner
GONE = (EOFError, BrokenPipeError, ConnectionResetError)


class ActorFailed(QtoptError):
    """An actor process raised an error or died."""


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


@dataclass(frozen=True)
class Result:
    """The episode that came of an order."""

    order: Order
    episode: Episode


class ActorPool:
    """`count` actor processes. Use as a context manager: no process outlives it.

    An actor killed from outside is replaced once, with a message, and its orders are given out again. Actors end by
    themselves when this process dies, because their pipes close.
    """

    def __init__(self, preset: Preset, count: int) -> None:
        self._preset = preset
        self._actors = [_Actor(preset) for _ in range(count)]
        self._waiting: deque[Order] = deque()
        self._replaced = False

    @property
    def pids(self) -> list[int]:
        """Process ids of the actors."""
        return [actor.process.pid or 0 for actor in self._actors]

    @property
    def room(self) -> int:
        """Orders that can be given before every actor has its fill."""
        return max(0, sum(IN_FLIGHT - len(actor.orders) for actor in self._actors) - len(self._waiting))

    def submit(self, order: Order) -> None:
        """Queue an order; those queued first are given out first."""
        self._waiting.append(order)
        self._give_out()

    def poll(self, timeout: float = 0.0) -> list[Result]:
        """Episodes that are ready, after at most `timeout` s. Raises ActorFailed when an actor has failed for good."""
        results = []
        ready = wait([actor.pipe for actor in self._actors], timeout)
        for actor in [actor for actor in self._actors if actor.pipe in ready]:
            try:
                answer: Episode | str = actor.pipe.recv()
            except GONE:
                self._replace(actor)
                continue
            if isinstance(answer, str):
                raise ActorFailed(f"an actor process failed: {answer}")
            results.append(Result(actor.orders.popleft(), answer))
        self._give_out()
        return results

    def _give_out(self) -> None:
        while self._waiting:
            actor = min(self._actors, key=lambda a: len(a.orders))
            if len(actor.orders) >= IN_FLIGHT:
                return
            actor.orders.append(self._waiting.popleft())
            try:
                actor.pipe.send(actor.orders[-1])
            except GONE:
                self._replace(actor)

    def _replace(self, dead: "_Actor") -> None:
        dead.process.join(5)
        dead.stop()
        code = dead.process.exitcode or 0
        what = f"actor process {dead.process.pid} died with exit code {code}"
        if code > 0:  # an error of its own, which would only come again
            raise ActorFailed(f"{what}; its message is above")
        if self._replaced:
            raise ActorFailed(f"{what}, and so did one before it; is there enough memory?")
        self._replaced = True
        print(f"{what}; starting another, once", file=sys.stderr)
        self._waiting.extendleft(reversed(dead.orders))
        self._actors[self._actors.index(dead)] = _Actor(self._preset)

    def __enter__(self) -> "ActorPool":
        return self

    def __exit__(self, *_: object) -> None:
        for actor in self._actors:
            actor.stop()


class _Actor:
    """The learner's side of one actor process."""

    def __init__(self, preset: Preset) -> None:
        context = multiprocessing.get_context("spawn")
        self.orders: deque[Order] = deque()
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_act, args=(theirs, preset), daemon=True)
        with ctrl_c_held():  # Ctrl-C goes to every process of a terminal; the learner alone decides when to stop
            self.process.start()
        theirs.close()

    def stop(self) -> None:
        self.pipe.close()
        self.process.terminate()
        self.process.join(5)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


def _act(pipe: Connection, preset: Preset) -> None:
    """An actor's whole life: take an order, run the episode, send it back, until the pipe closes."""
    try:
        worker = _Worker(preset)
        while True:
            pipe.send(worker.run(pipe.recv()))
    except GONE:
        return
    except QtoptError as error:
        pipe.send(str(error))


class _Worker:
    """The robots and the acting network of one actor."""

    def __init__(self, preset: Preset) -> None:
        torch.set_num_threads(1)
        keep_freed_memory()
        self._preset = preset
        self._profile = preset.acting_profile()
        self._network = make_network(preset, self._profile, PRIVILEGED_SIZE)
        self._loaded: tuple[str, int] | None = None
        self._runners: dict[str, EpisodeRunner] = {}

    def run(self, order: Order) -> Episode:
        if order.objects not in self._runners:
            robot = make_robot(self._profile, order.objects, self._preset.collection.clutter, looks=self._preset.looks)
            self._runners[order.objects] = EpisodeRunner(robot, self._profile, robot.succeeded)
        rng = np.random.default_rng([order.seed, 1])
        return self._runners[order.objects].run(self._policy(order), rng, order.seed, f"{order.objects}-{order.seed}")

    def _policy(self, order: Order) -> Policy:
        if order.weights is None:
            return ScriptedPolicy(self._profile, objects=order.objects)
        version = (order.weights, os.stat(order.weights).st_mtime_ns)
        if version != self._loaded:
            load_weights(Path(order.weights), self._network)
            self._loaded = version
        if order.evaluation is not None:
            return GreedyPolicy(self._network, evaluation_maximizer(self._preset, self._profile), self._profile)
        return collecting_policy(
            self._preset, self._profile, self._network, order.epsilon, order.noise, order.temperature
        )
