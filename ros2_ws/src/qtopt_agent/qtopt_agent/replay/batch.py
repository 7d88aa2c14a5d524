"""What the replay store gives out, and how it is put together from rows of its columns."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.replay.spec import ON_POLICY


class Batch(NamedTuple):
    """B transitions (s, a, r, s') of m steps each, m being the n asked for or what is left of the episode if less.

    Images are uint8 [B, H, W, 3], the rest float32 unless said otherwise. `reward` is the discounted sum of the m
    rewards; s' lies m steps after s. `terminal` is 1 where nothing follows s'. `discount`, which multiplies the value
    of s', is 0 there and otherwise gamma^m. `mc_return` is the discounted sum of rewards up to the episode's end, 0
    where that is unknown (an interrupted episode). `privileged` [B, P] describes s, NaN where that is unknown, and so
    does `mask`, uint8 [B, M, M], where the store has masks. `recorded` bool [B]: not from a run's own simulation, so
    that `mask` means nothing. `rows` int64 [B] says where in the store the transitions begin, `episode` int64 [B] in
    which episodes. `weight` is the importance weight.
    """

    image: NDArray[np.uint8]
    state: NDArray[np.float32]
    action: NDArray[np.float32]
    reward: NDArray[np.float32]
    terminal: NDArray[np.float32]
    next_image: NDArray[np.uint8]
    next_state: NDArray[np.float32]
    mc_return: NDArray[np.float32]
    privileged: NDArray[np.float32]
    discount: NDArray[np.float32]
    rows: NDArray[np.int64]
    weight: NDArray[np.float32]
    episode: NDArray[np.int64]
    recorded: NDArray[np.bool_]
    mask: NDArray[np.uint8] | None = None


class Sequences(NamedTuple):
    """What happened from each of B rows on, for n steps; where the episode ends before that, `valid` bool [B, n] ends.

    `image` uint8 [B, n + 1, H, W, 3] and `state` [B, n + 1, S] hold what was seen before each step and after the last;
    past an episode's end they repeat its final observation. `action` [B, n, A], and `reward`, `terminal` and
    `log_density` [B, n], the last NaN where it is unknown, are float32 and mean nothing where not valid.
    """

    image: NDArray[np.uint8]
    state: NDArray[np.float32]
    action: NDArray[np.float32]
    reward: NDArray[np.float32]
    terminal: NDArray[np.float32]
    log_density: NDArray[np.float32]
    valid: NDArray[np.bool_]


def gather_batch(columns: Mapping[str, Any], rows: NDArray[np.int64], n_step: int, discount: float) -> Batch:
    """The transitions that start at `rows` int64 [B], of `n_step` steps where the episode is that long.

    `columns` are arrays, or give out rows as arrays do. The sum of Sutton and Barto 2018, eq. 7.1. Raises InvalidInput
    where `n_step` is below 1.
    """
    if n_step < 1:
        raise InvalidInput(f"n_step is {n_step}, expected at least 1")
    c = columns
    steps = np.minimum(n_step, c["remaining"][rows])
    later, gamma = rows + steps, np.float32(discount)
    reward = np.zeros(len(rows), np.float32)
    for i in reversed(range(int(steps.max(initial=0)))):
        inside = i < steps
        reward[inside] = c["reward"][rows[inside] + i] + gamma * reward[inside]
    terminal = c["terminal"][later - 1]
    return Batch(
        c["image"][rows],
        c["state"][rows],
        c["action"][rows],
        reward,
        terminal,
        c["image"][later],
        c["state"][later],
        c["mc_return"][rows],
        c["privileged"][rows],
        (1 - terminal) * gamma ** steps.astype(np.float32),
        rows,
        np.ones(len(rows), np.float32),
        c["episode"][rows],
        c["source"][rows] > ON_POLICY,
        c["mask"][rows] if "mask" in c else None,
    )


def gather_sequences(columns: Mapping[str, Any], rows: NDArray[np.int64], n: int) -> Sequences:
    """The `n` steps that start at each of `rows` int64 [B]."""
    c = columns
    remaining = c["remaining"][rows, None]
    seen = rows[:, None] + np.minimum(np.arange(n + 1), remaining)
    done = seen[:, :-1]
    return Sequences(
        c["image"][seen],
        c["state"][seen],
        c["action"][done],
        c["reward"][done],
        c["terminal"][done],
        c["log_density"][done],
        np.arange(n) < remaining,
    )
