"""What the learner minimises."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

Loss = Callable[[Tensor, Tensor], Tensor]
HUBER_THRESHOLD = 0.1  # in units of Q, 0..1


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross entropy [B] of Q = sigmoid(logits) [B] with soft targets [B] (Kalashnikov et al. 2018, eq. 2)."""
    return functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")


def squared(logits: Tensor, targets: Tensor) -> Tensor:
    """Squared error [B] of Q (Watkins and Dayan 1992); flat where Q is near 0 or 1, so slow to mend what is wrong."""
    return (torch.sigmoid(logits) - targets).square()


def huber(logits: Tensor, targets: Tensor) -> Tensor:
    """Huber loss [B] of Q, in units of its threshold: linear in errors beyond 0.1 (Mnih et al. 2015, methods)."""
    return functional.huber_loss(torch.sigmoid(logits), targets, reduction="none", delta=HUBER_THRESHOLD) / (
        HUBER_THRESHOLD
    )


LOSSES: dict[str, Loss] = {"cross_entropy": cross_entropy, "squared": squared, "huber": huber}


def auxiliary_loss(predicted: Tensor, privileged: Tensor) -> Tensor:
    """Mean smooth L1 between the values [B, P] read off the image features and the simulator's, where these are known.

    Rows of NaN have none; without any other, it is 0.
    """
    known = privileged.isfinite().all(1)
    sums = functional.smooth_l1_loss(predicted[known], privileged[known], reduction="sum")
    return sums / max(1, int(known.sum()) * privileged.shape[1])


def mask_loss(logits: Tensor, mask: Tensor, known: Tensor) -> Tensor:
    """Mean cross entropy of logits [B, M, M] with how much of each part of a picture shows objects, uint8 [B, M, M].

    known: bool [B], of which pictures that is; of the others nothing is learned, and without any it is 0.
    """
    sums = functional.binary_cross_entropy_with_logits(logits[known], mask[known] / 255, reduction="sum")
    return sums / max(1, int(known.sum()) * logits[0].numel())
