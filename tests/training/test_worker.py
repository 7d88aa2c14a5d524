"""An actor's attempts side by side."""

import itertools
import os

import pytest
import torch

from qtopt_agent.core.profile import COMPACT
from qtopt_agent.learning.checkpoint import save_weights
from qtopt_agent.learning.preset import load_preset
from qtopt_agent.q_functions import make_q_function
from qtopt_agent.simulation import PRIVILEGED_SIZE
from qtopt_agent.training.worker import Order, Worker, attempts_at_once

PRESET = load_preset("compact").override(["clutter=[1,1]"])
AT_ONCE = 3


def publish(path, seed):
    q = make_q_function(COMPACT, PRIVILEGED_SIZE, seed)
    with torch.no_grad():
        q.head[-1].weight *= 30  # far enough from 0.5 for the last bits to be seen in Q
    save_weights(path, q)
    os.utime(path, ns=(seed, seed))  # however coarse the file system's clock is


def run(worker, orders):
    """Episodes by the number of their orders, of which the worker has as many under way as it takes."""
    waiting, episodes = list(enumerate(orders)), {}
    while waiting or worker.busy:
        while waiting and not worker.full:
            worker.begin(*waiting.pop(0))
        episodes |= dict(worker.step())
    return episodes


def bits(episode):
    numbers = [
        (step.observation.image.tobytes(), step.executed.tobytes(), step.q, step.log_density, step.reward)
        for step in episode.steps
    ]
    return repr(numbers), episode.policy, episode.success


@pytest.fixture
def weights(tmp_path):
    publish(path := tmp_path / "acting.safetensors", 1)
    return path


def test_an_order_gives_the_same_episode_to_the_bit_whatever_runs_beside_it(weights):
    learned = Order("train", 5, str(weights), 0.1, 0.05)
    kinds = [learned, Order("train", 5), Order("validation", 5, str(weights), evaluation=9)]
    kinds += [Order("train", 5, str(weights), temperature=0.1)]
    beside = run(
        Worker(PRESET, AT_ONCE), [Order("train", 6), *kinds, Order("train", 7, str(weights), 0.1, 0.05), learned]
    )
    for place, order in enumerate(kinds, 1):
        assert bits(run(Worker(PRESET, AT_ONCE), [order])[0]) == bits(beside[place])
    assert bits(beside[1]) == bits(beside[6])
    assert len({bits(beside[place]) for place in range(7)}) == 6


def test_what_is_learned_from_counts_only_where_it_is_lifted_by_the_margin():
    orders = [Order("train", seed) for seed in range(6)]

    def successes(margin):
        return sum(each.success for each in run(Worker(PRESET.changed(lift_margin=margin), AT_ONCE), orders).values())

    assert successes(0.0) == successes(0.06) > 0  # the script lifts as high as it has to
    assert successes(0.16) == 0  # nothing hangs above the tips at the top of the workspace


def test_an_episode_is_decided_by_the_weights_that_it_began_with(weights):
    order = Order("train", 5, str(weights), 0.1, 0.05)
    before = run(Worker(PRESET, AT_ONCE), [order])[0]
    worker, episodes = Worker(PRESET, AT_ONCE), {}
    worker.begin(0, order)
    episodes |= dict(worker.step())
    publish(weights, 2)
    worker.begin(1, order)
    while worker.busy:
        episodes |= dict(worker.step())
    assert bits(episodes[0]) == bits(before)
    assert bits(episodes[1]) == bits(run(Worker(PRESET, AT_ONCE), [order])[0]) != bits(before)


def test_a_worker_is_full_with_as_many_attempts_as_it_was_made_for():
    worker = Worker(PRESET, AT_ONCE)
    for number in itertools.takewhile(lambda _: not worker.full, itertools.count()):
        worker.begin(number, Order("train", number))
    assert number == AT_ONCE - 1


def test_large_pictures_are_decided_on_one_by_one():
    assert attempts_at_once(load_preset("paper")) == 1 < attempts_at_once(PRESET)
