"""What the replay store gives out."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Batch(NamedTuple):
    """B transitions (s, a, r, s') of m steps each, m being the n asked for or what is left of the episode if less.

    Images are uint8 [B, H, W, 3], the rest float32 unless said otherwise. `reward` is the discounted sum of the m
    rewards; s' lies m steps after s. `terminal` is 1 where nothing follows s'. `discount`, which multiplies the value
    of s', is 0 there and otherwise gamma^m. `mc_return` is the discounted sum of rewards up to the episode's end, 0
    where that is unknown (an interrupted episode). `privileged` [B, P] describes s. `rows` int64 [B] says where in the
    store the transitions begin, `episode` int64 [B] in which episodes. `weight` is the importance weight.
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
