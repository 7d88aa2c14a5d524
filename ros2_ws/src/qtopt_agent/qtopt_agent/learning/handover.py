"""From scripted to learned episodes."""

from collections.abc import Sequence

import numpy as np

PROBE_SHARE = 0.1  # of episodes, to find out how good the learned policy is
ENOUGH = 50  # episodes of either policy, before they are compared


def learned_is_next(
    mode: str,
    number: int,
    scripted_episodes: int,
    scripted: Sequence[bool],
    learned: Sequence[bool],
    rng: np.random.Generator,
) -> bool:
    """Whether episode `number` (from 0) is for the learned policy rather than the scripted one.

    "count": it is from `scripted_episodes` on. "better": it is also before that, while the learned policy is the better
    one; until then one in ten episodes, drawn with `rng`, tries it. `scripted` and `learned` are outcomes of the newest
    episodes of each.
    """
    if number >= scripted_episodes:
        return True
    if mode == "count":
        return False
    return is_better(learned, scripted) or bool(rng.random() < PROBE_SHARE)


def is_better(learned: Sequence[bool], scripted: Sequence[bool]) -> bool:
    """Whether the success rate of `learned`, less its standard error, is above that of `scripted`.

    False while there are fewer than 50 episodes of either. The learned policy's episodes include its exploration.
    """
    if min(len(learned), len(scripted)) < ENOUGH:
        return False
    rate = float(np.mean(learned))
    return rate - (rate * (1 - rate) / len(learned)) ** 0.5 > float(np.mean(scripted))
