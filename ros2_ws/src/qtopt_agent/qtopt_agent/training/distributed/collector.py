"""Runs simulated cells: collects, or evaluates."""

import os
from collections.abc import Mapping

from qtopt_agent.core.episode import Episode
from qtopt_agent.learning.preset import Preset
from qtopt_agent.training.distributed.settled import settle
from qtopt_agent.training.worker import Order, Worker, attempts_at_once


class Collector:
    """Attempts side by side, for whoever names the orders that are still to be done."""

    def __init__(self, preset: Preset) -> None:
        settle()
        self._at_once = attempts_at_once(preset)
        self._worker = Worker(preset, self._at_once)
        self._begun: set[int] = set()

    def collect(self, orders: Mapping[int, Order]) -> tuple[tuple[int, list[int]], list[Episode]]:
        """Episodes of some of `orders`: the id of this process with their numbers, and they themselves.

        `orders`, by number, are all that have not come back yet, those of earlier calls included: so a collector that
        has died and was started again runs them anew. Returns once half of what it runs side by side is over.
        """
        done: list[tuple[int, Episode]] = []
        enough = min((self._at_once + 1) // 2, len(orders))
        while len(done) < enough:
            for number, order in orders.items():
                if self._worker.full:
                    break
                if number not in self._begun:
                    self._begun.add(number)
                    self._worker.begin(number, order)
            done += self._worker.step()
        self._begun &= orders.keys()
        numbers = [number for number, _ in done]
        return (os.getpid(), numbers), [episode for _, episode in done]
