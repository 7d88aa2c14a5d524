"""Which episode a run asks its actors for next, and how many it waits for."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from qtopt_agent.core.seeds import derived_seed
from qtopt_agent.learning.handover import learned_is_next
from qtopt_agent.learning.preset import Preset
from qtopt_agent.training.worker import Order


def episodes_due(preset: Preset, step: int) -> int:
    """Episodes of its own simulation that a run must have before the gradient step after `step`."""
    collection = preset.collection
    return math.ceil(collection.min_episodes + step * collection.episodes_per_1000_steps / 1000)


def next_order(
    preset: Preset,
    seed: int,
    number: int,
    step: int,
    acting: Path | None,
    scripted: Sequence[bool],
    learned: Sequence[bool],
) -> Order:
    """Episode `number`, from 0, of a run with `seed` that has done `step` gradient steps.

    acting: the file of weights that act, None where nothing has been learned yet. `scripted` and `learned` are outcomes
    of the newest episodes of either policy.
    """
    order = Order(preset.collection.objects, derived_seed(seed, 0, number))
    collection = preset.collection
    chance = np.random.default_rng(order.seed)
    if acting is None or not learned_is_next(
        collection.handover, number, collection.scripted_episodes, scripted, learned, chance
    ):
        return order
    # Orders with the same weights explore alike, so that actors decide for all of them in one batch.
    every = preset.housekeeping.publish_every
    explore = preset.exploration.at(step // every * every / preset.steps)
    return Order(order.objects, order.seed, str(acting), *explore)
