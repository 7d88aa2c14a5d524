"""Processes that run episodes for the learner, each over its own pipe."""

import ctypes
import multiprocessing
import os
import signal
import sys
from collections import deque
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import torch

from qtopt_agent.core.action import ActionSpace
from qtopt_agent.core.episode import Episode
from qtopt_agent.core.observation import Observation
from qtopt_agent.core.errors import QtoptError
from qtopt_agent.core.policy import Decision, Policy
from qtopt_agent.core.profile import get_profile
from qtopt_agent.learning.checkpoint import load_weights
from qtopt_agent.learning.preset import Preset
from qtopt_agent.maximizers import CEM
from qtopt_agent.q_functions import QFunction, make_q_function
from qtopt_agent.runtime.episode_runner import EpisodeRunner
from qtopt_agent.runtime.memory import keep_freed_memory
from qtopt_agent.simulation import PRIVILEGED_SIZE, make_robot
from qtopt_agent.simulation.scripted import ScriptedPolicy

IN_FLIGHT = 2  # orders an actor has at hand, so that it never waits for the learner


def make_maximizer(preset: Preset) -> CEM:
    """The preset's CEM, for acting and for the targets."""
    space = get_profile(preset.profile).action_space
    return CEM(space, preset.cem_samples, preset.cem_elites, preset.cem_iterations)


class ActorFailed(QtoptError):
    """An actor process raised an error or died."""


@dataclass(frozen=True)
class Order:
    """One episode to run. `weights` is the acting network's file; None asks for the scripted policy.

    `epsilon` and `noise` are the exploration of the learned policy: 0 acts greedily. `evaluation` is the step that an
    evaluation belongs to, None where the episode is collected.
    """

    objects: str
    seed: int
    weights: str | None = None
    epsilon: float = 0.0
    noise: float = 0.0
    evaluation: int | None = None


@dataclass(frozen=True)
class Result:
    """The episode that came of an order."""

    order: Order
    episode: Episode


class ActorPool:
    """`count` actor processes. Use as a context manager: no process outlives it, nor the process that made it."""

    def __init__(self, preset: Preset, count: int) -> None:
        self._preset = preset
        self._context = multiprocessing.get_context("spawn")
        self._actors = [_Actor(self._context, preset) for _ in range(count)]
        self._urgent: deque[Order] = deque()
        self._restarted = False

    @property
    def pids(self) -> list[int]:
        return [actor.process.pid or 0 for actor in self._actors]

    @property
    def room(self) -> int:
        """Orders that can be given before every actor has its fill."""
        return max(0, sum(IN_FLIGHT - len(actor.orders) for actor in self._actors) - len(self._urgent))

    @property
    def idle(self) -> bool:
        return not self._urgent and all(not actor.orders for actor in self._actors)

    def submit(self, order: Order) -> None:
        """Queue an order; those queued first run first."""
        self._urgent.append(order)
        self._hand_out()

    def poll(self, timeout: float = 0.0) -> list[Result]:
        """Episodes that are ready, after at most `timeout` s. Raises ActorFailed when an actor has failed for good."""
        results = []
        ready = wait([actor.pipe for actor in self._actors], timeout)
        for actor in list(self._actors):
            if actor.pipe in ready:
                try:
                    message = actor.pipe.recv()
                except (EOFError, ConnectionResetError):
                    self._replace(actor)
                    continue
                if isinstance(message, str):
                    raise ActorFailed(f"an actor process failed: {message}")
                results.append(Result(actor.orders.popleft(), message))
        self._hand_out()
        return results

    def _hand_out(self) -> None:
        while self._urgent:
            actor = min(self._actors, key=lambda a: len(a.orders))
            if len(actor.orders) >= IN_FLIGHT:
                return
            order = self._urgent.popleft()
            actor.orders.append(order)
            try:
                actor.pipe.send(order)
            except (BrokenPipeError, ConnectionResetError):
                self._replace(actor)

    def _replace(self, dead: "_Actor") -> None:
        dead.stop()
        what = f"actor process {dead.process.pid} died with exit code {dead.process.exitcode}"
        if self._restarted or (dead.process.exitcode or 0) > 0:  # an error of its own would only come again
            raise ActorFailed(f"{what}; its own messages are above")
        self._restarted = True
        print(f"{what}; starting another, once", file=sys.stderr)
        self._actors[self._actors.index(dead)] = _Actor(self._context, self._preset)
        self._urgent.extendleft(reversed(dead.orders))

    def __enter__(self) -> "ActorPool":
        return self

    def __exit__(self, *_: object) -> None:
        for actor in self._actors:
            actor.stop()


class _Actor:
    def __init__(self, context: multiprocessing.context.SpawnContext, preset: Preset) -> None:
        self.pipe, theirs = context.Pipe()
        self.orders: deque[Order] = deque()
        self.process: BaseProcess = context.Process(target=_act, args=(theirs, preset, os.getpid()), daemon=True)
        self.process.start()
        theirs.close()

    def stop(self) -> None:
        self.pipe.close()
        self.process.terminate()
        self.process.join(5)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


def _act(pipe: Connection, preset: Preset, parent: int) -> None:
    """An actor's whole life: take an order, run the episode, send it back, until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the learner decides when to stop
    _die_with(parent)
    try:
        worker = _Worker(preset)
        while True:
            pipe.send(worker.run(pipe.recv()))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the learner has gone
    except QtoptError as error:
        pipe.send(str(error))


def _die_with(parent: int) -> None:
    """Ask Linux to end this process with its parent; elsewhere the closed pipe does, after the episode."""
    if sys.platform == "linux":
        set_parent_death_signal = 1  # PR_SET_PDEATHSIG
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGTERM)
        if os.getppid() != parent:  # it died before the call
            sys.exit(0)


class AgentPolicy:
    """The learned policy while it learns: greedy, but for random actions and noise.

    With probability `epsilon` the action is uniform; otherwise `noise` is the standard deviation added to the greedy
    action's translation and yaw, as a share of their bounds.
    """

    name = "agent"

    def __init__(
        self, network: QFunction, maximizer: CEM, space: ActionSpace, epsilon: float = 0.0, noise: float = 0.0
    ) -> None:
        self._network, self._maximizer, self._space = network, maximizer, space
        self._epsilon, self._noise = epsilon, noise
        self._generator = torch.Generator()

    @torch.no_grad()
    def decide(self, observation: Observation, rng: np.random.Generator) -> Decision:
        if rng.random() < self._epsilon:
            return Decision(self._space.sample(rng))
        self._generator.manual_seed(int(rng.integers(2**31)))
        image, state = torch.from_numpy(observation.image)[None], torch.from_numpy(observation.state)[None]
        best = self._maximizer(self._network, self._network.encode(image), state, self._generator)
        action = best.action[0].numpy().copy()
        if self._noise:
            moves, angles = len(self._space.low), len(self._space.max_angle)
            action[:moves] += self._noise * rng.standard_normal(moves) * self._space.high
            for i in range(angles):
                sin, cos = moves + 2 * i, moves + 2 * i + 1
                angle = np.arctan2(action[sin], action[cos]) + self._noise * rng.normal() * self._space.max_angle[i]
                action[sin], action[cos] = np.sin(angle), np.cos(angle)
        return Decision(self._space.project(action), float(best.q[0]))


class _Worker:
    """Robots and the acting network of one actor, made when first needed."""

    def __init__(self, preset: Preset) -> None:
        torch.set_num_threads(1)
        keep_freed_memory()
        self._preset = preset
        self._profile = get_profile(preset.profile)
        self._scripted = ScriptedPolicy(self._profile)
        self._network = make_q_function(self._profile, PRIVILEGED_SIZE if preset.auxiliary_weight else 0)
        self._network.eval()
        self._maximizer = make_maximizer(preset)
        self._loaded: tuple[str, int] | None = None
        self._runners: dict[str, EpisodeRunner] = {}

    def run(self, order: Order) -> Episode:
        policy = self._scripted if order.weights is None else self._learned(order)
        episode_id = f"{order.objects}-{order.seed}"
        return self._runner(order.objects).run(policy, np.random.default_rng(order.seed), order.seed, episode_id)

    def _runner(self, objects: str) -> EpisodeRunner:
        if objects not in self._runners:
            robot = make_robot(self._profile, objects, self._preset.clutter)
            self._runners[objects] = EpisodeRunner(robot, self._profile, robot.succeeded)
        return self._runners[objects]

    def _learned(self, order: Order) -> Policy:
        assert order.weights is not None
        version = (order.weights, os.stat(order.weights).st_mtime_ns)
        if version != self._loaded:
            load_weights(Path(order.weights), self._network)
            self._loaded = version
        return AgentPolicy(self._network, self._maximizer, self._profile.action_space, order.epsilon, order.noise)
