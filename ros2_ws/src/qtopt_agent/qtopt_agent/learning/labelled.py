"""A batch with its targets, as Bellman updaters hand it to the learner."""

from typing import NamedTuple

from torch import Tensor

from qtopt_agent.replay.batch import Batch


class Labelled(NamedTuple):
    """What one gradient step needs: B transitions and what Q is to become there.

    taus: [B, T], which quantiles a quantile head is compared at. targets: [B] in 0..1, or quantiles of them [B, T].
    trace: mean trace of n-step targets that were corrected, None where they were not.
    """

    batch: Batch
    taus: Tensor
    targets: Tensor
    trace: Tensor | None = None
