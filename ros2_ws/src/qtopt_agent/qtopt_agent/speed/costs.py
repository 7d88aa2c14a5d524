"""What the parts of a training run cost on this machine."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from qtopt_agent.core.seeds import derived_seed
from qtopt_agent.learning.preset import Preset
from qtopt_agent.learning.settings import UNCHANGED
from qtopt_agent.processes.device import CPU
from qtopt_agent.replay.spec import OFF_POLICY
from qtopt_agent.replay.store import TransitionStore
from qtopt_agent.speed.pipeline import Costs
from qtopt_agent.training.initial import make_learner, store_spec
from qtopt_agent.training.worker import Order, Worker, attempts_at_once

FRAMES = 2_000
"""Of the store that is drawn from. A larger one is no slower while it fits into memory."""
FEWEST = 3
"""Calls of each part, however slow it is."""


def measure_costs(preset: Preset, device: torch.device = CPU, seconds: float = 10.0) -> Iterator[str | Costs]:
    """Spend about `seconds` on each part, one after the other; yields what comes next, and at last the costs.

    Episodes are the scripted policy's: what a network decides with comes on top, and how long its episodes are, nobody
    knows before it has learned. All is measured in processor time, so that other work on the machine hardly changes
    it, but for a GPU's.
    """
    learner, _ = make_learner(preset, 0, device=device)
    spec = store_spec(replace(preset, augmentation=UNCHANGED), FRAMES)
    with TemporaryDirectory(prefix="qtopt_size_") as folder:
        store = TransitionStore(Path(folder) / "replay", spec)
        yield "episodes"
        episode_s = _episodes(preset, store, seconds)
        size, rng = preset.optimizer.batch_size, np.random.default_rng(0)
        batch = store.sample(size, rng)
        if preset.loss.auxiliary_weight:
            learner.fit_auxiliary(batch.privileged)
        yield "drawing"
        draw = _median(lambda: store.sample(size, rng), CPU, seconds)
        yield "labelling"
        label = _median(lambda: learner.label(batch), device, seconds)
        labelled = learner.label(batch)
        yield "gradient steps"
        step = _median(lambda: learner.learn(labelled), device, seconds)
        transitions = store.transitions() / store.episodes_held
    moved = sum(array.nbytes for array in batch if array is not None)
    yield Costs(size, transitions, episode_s, draw / size, label / size, step, moved // size)


def _episodes(preset: Preset, store: TransitionStore, seconds: float) -> float:
    """Fill `store`; the time of an episode."""
    at_once = attempts_at_once(preset)
    worker, number, done, begun = Worker(preset, at_once), 0, 0, time.process_time()
    while done < at_once or time.process_time() - begun < seconds:
        while not worker.full:
            worker.begin(number, Order(preset.collection.objects, derived_seed(0, 0, number)))
            number += 1
        for _, episode in worker.step():
            store.append(episode, OFF_POLICY)
            done += 1
    return (time.process_time() - begun) / done


def timed(call: Callable[[], object], device: torch.device, seconds: float) -> list[float]:
    """Times of calls, s: on the processor its own time, so that other work hardly counts, on a GPU until it is done."""
    clock = time.process_time if device == CPU else time.perf_counter
    call()
    times: list[float] = []
    while sum(times) < seconds or len(times) < FEWEST:
        begun = clock()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(clock() - begun)
    return times


def _median(call: Callable[[], object], device: torch.device, seconds: float) -> float:
    return float(np.median(timed(call, device, seconds)))
