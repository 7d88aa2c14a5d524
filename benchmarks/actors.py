"""How many episodes an actor brings a learner on one core, by how many it runs side by side.

    python benchmarks/actors.py --seconds 30

The network is that of compact-1, exploring as at the start of its preset, on training's objects. The numbers of
episodes side by side take turns, so that other load meets all alike; times are processor time, and x is the speed in
motions relative to one at a time.
"""

import argparse
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from rich.console import Console
from rich.table import Table

from qtopt_agent.learning.checkpoint import load_weights, save_weights
from qtopt_agent.learning.parts import make_network
from qtopt_agent.learning.preset import load_preset
from qtopt_agent.processes.memory import keep_freed_memory
from qtopt_agent.simulation import PRIVILEGED_SIZE
from qtopt_agent.training.worker import Order, Worker

MODEL = Path(__file__).parents[1] / "models" / "compact-1" / "q.safetensors"
AT_ONCE = (1, 2, 4, 8, 16)
TURN = 0.5
"""Processor time that one has before it is the next one's turn, s."""


class Actor:
    """An actor with `at_once` episodes side by side, and the orders that keep it at work."""

    def __init__(self, at_once: int, weights: Path) -> None:
        preset = load_preset("compact")
        self._worker, self._weights = Worker(preset, at_once), str(weights)
        self._exploration = preset.exploration.at(0.0)
        self._ordered = 0
        self.episodes = self.steps = 0
        self.seconds = 0.0

    def turn(self) -> None:
        """Run for a while."""
        start = time.process_time()
        while (spent := time.process_time() - start) < TURN:
            while not self._worker.full:
                self._worker.begin(self._ordered, Order("train", self._ordered, self._weights, *self._exploration))
                self._ordered += 1
            for _, episode in self._worker.step():
                self.episodes += 1
                self.steps += len(episode.steps)
        self.seconds += spent


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30.0, help="processor time for each row, s")
    seconds = parser.parse_args().seconds
    torch.set_num_threads(1)
    keep_freed_memory()
    with TemporaryDirectory() as folder:
        preset = load_preset("compact")
        network = make_network(preset, preset.acting_profile(), PRIVILEGED_SIZE)
        load_weights(MODEL, network)
        save_weights(weights := Path(folder) / "acting.safetensors", network)
        actors = {at_once: Actor(at_once, weights) for at_once in AT_ONCE}
        for actor in actors.values():
            actor.turn()
            actor.episodes, actor.steps, actor.seconds = 0, 0, 0.0
        while min(actor.seconds for actor in actors.values()) < seconds:
            for actor in actors.values():
                actor.turn()
    table = Table("side by side", "episodes/s", "motions/s", "x", title=f"load {os.getloadavg()[0]:.1f}")
    alone = actors[1].steps / actors[1].seconds
    for at_once, actor in actors.items():
        motions = actor.steps / actor.seconds
        table.add_row(str(at_once), f"{actor.episodes / actor.seconds:.1f}", f"{motions:.0f}", f"{motions / alone:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
