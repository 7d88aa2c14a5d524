"""The collectors, or evaluators, of a run: gives them orders, and takes their episodes on."""

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from qtopt_agent.learning.preset import Preset
from qtopt_agent.training.distributed.calls import Calls, Ref
from qtopt_agent.training.distributed.collector import Collector
from qtopt_agent.training.distributed.deaths import Deaths
from qtopt_agent.training.distributed.placement import start
from qtopt_agent.training.worker import Order, attempts_at_once

Take = Callable[[Sequence[Order], Ref], None]
"""Told which orders were done, and where the list of their episodes is."""


class Cells:
    """`count` actors of a kind. Each has twice as many orders at hand as it runs side by side."""

    def __init__(self, kind: str, count: int, preset: Preset, calls: Calls, deaths: Deaths, take: Take) -> None:
        self._calls, self._deaths, self._take = calls, deaths, take
        self._cells = [_Cell(f"{kind}-{i}", start(kind, Collector, preset)) for i in range(count)]
        self._at_hand = 2 * attempts_at_once(preset)
        self._waiting: deque[Order] = deque()
        self._given = 0

    @property
    def room(self) -> int:
        """Orders that can be given before every actor has its fill."""
        return max(0, sum(self._at_hand - len(cell.orders) for cell in self._cells) - len(self._waiting))

    def submit(self, order: Order) -> None:
        """Queue an order."""
        self._waiting.append(order)

    def go_on(self) -> None:
        """Let the actors that are idle go on with what they have, and what is waiting."""
        for cell in self._cells:
            if cell.busy:
                continue
            while self._waiting and len(cell.orders) < self._at_hand:
                cell.orders[self._given] = self._waiting.popleft()
                self._given += 1
            if cell.orders:
                cell.busy = True
                done, episodes = cell.actor.collect.options(num_returns=2).remote(dict(cell.orders))
                self._calls.expect(done, partial(self._hear, cell, episodes))

    def _hear(self, cell: "_Cell", episodes: Ref, answer: tuple[int, list[int]]) -> None:
        process, numbers = answer
        self._deaths.heard(cell.name, process)
        cell.busy = False
        self._take([cell.orders.pop(number) for number in numbers], episodes)


class _Cell:
    """What is known here of one actor: what it has been asked for and not done yet."""

    def __init__(self, name: str, actor: Any) -> None:
        self.name, self.actor, self.busy = name, actor, False
        self.orders: dict[int, Order] = {}
