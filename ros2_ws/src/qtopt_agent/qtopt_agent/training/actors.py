"""Processes that run episodes for the learner, each over its own pipe."""

import multiprocessing
import sys
from collections import deque
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait

import torch

from qtopt_agent.core.episode import Episode
from qtopt_agent.core.errors import QtoptError
from qtopt_agent.learning.preset import Preset
from qtopt_agent.processes.interrupts import ctrl_c_held
from qtopt_agent.processes.memory import keep_freed_memory
from qtopt_agent.training.worker import Order, Worker, attempts_at_once

GONE = (EOFError, BrokenPipeError, ConnectionResetError)


class ActorFailed(QtoptError):
    """An actor process raised an error or died."""


@dataclass(frozen=True)
class Result:
    """The episode that came of an order."""

    order: Order
    episode: Episode


class ActorPool:
    """`count` actor processes, each with `at_once` attempts side by side. A context manager: no process outlives it.

    An actor killed from outside is replaced once, with a message, and its orders are given out again. Actors end by
    themselves when this process dies, because their pipes close.
    """

    def __init__(self, preset: Preset, count: int, at_once: int | None = None) -> None:
        self._preset = preset
        self._at_once = at_once or attempts_at_once(preset)
        self._in_flight = 2 * self._at_once  # orders an actor has at hand, so that it never waits for the learner
        self._actors = [_Actor(preset, self._at_once) for _ in range(count)]
        self._waiting: deque[Order] = deque()
        self._replaced = False

    @property
    def pids(self) -> list[int]:
        """Process ids of the actors."""
        return [actor.process.pid or 0 for actor in self._actors]

    @property
    def room(self) -> int:
        """Orders that can be given before every actor has its fill."""
        return max(0, sum(self._in_flight - len(actor.orders) for actor in self._actors) - len(self._waiting))

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
                answer: tuple[int, Episode] | str = actor.pipe.recv()
            except GONE:
                self._replace(actor)
                continue
            if isinstance(answer, str):
                raise ActorFailed(f"an actor process failed: {answer}")
            number, episode = answer
            results.append(Result(actor.orders.pop(number), episode))
        self._give_out()
        return results

    def _give_out(self) -> None:
        while self._waiting:
            actor = min(self._actors, key=lambda a: len(a.orders))
            if len(actor.orders) >= self._in_flight:
                return
            try:
                actor.give(self._waiting.popleft())
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
        self._waiting.extendleft(reversed(dead.orders.values()))
        self._actors[self._actors.index(dead)] = _Actor(self._preset, self._at_once)

    def __enter__(self) -> "ActorPool":
        return self

    def __exit__(self, *_: object) -> None:
        for actor in self._actors:
            actor.stop()


class _Actor:
    """The learner's side of one actor process."""

    def __init__(self, preset: Preset, at_once: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.orders: dict[int, Order] = {}
        """Those given and not yet answered, by number, in the order given."""
        self._given = 0
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_act, args=(theirs, preset, at_once), daemon=True)
        with ctrl_c_held():  # Ctrl-C goes to every process of a terminal; the learner alone decides when to stop
            self.process.start()
        theirs.close()

    def give(self, order: Order) -> None:
        number, self._given = self._given, self._given + 1
        self.orders[number] = order
        self.pipe.send((number, order))

    def stop(self) -> None:
        self.pipe.close()
        self.process.terminate()
        self.process.join(5)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


def _act(pipe: Connection, preset: Preset, at_once: int) -> None:
    """An actor's whole life: take orders, run their episodes, send each back as it ends, until the pipe closes."""
    torch.set_num_threads(1)
    keep_freed_memory()
    try:
        worker = Worker(preset, at_once)
        while True:
            while not worker.full and (not worker.busy or pipe.poll()):
                worker.begin(*pipe.recv())
            for answer in worker.step():
                pipe.send(answer)
    except GONE:
        return
    except QtoptError as error:
        pipe.send(str(error))
