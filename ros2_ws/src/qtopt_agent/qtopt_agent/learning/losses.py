"""What the learner minimises."""

import torch
from torch import Tensor
from torch.nn import functional


def bellman_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean cross entropy between Q = sigmoid(logits) [B] and soft targets [B] (Kalashnikov et al. 2018, eq. 2)."""
    return functional.binary_cross_entropy_with_logits(logits, targets)


def auxiliary_loss(predicted: Tensor, privileged: Tensor) -> Tensor:
    """Mean smooth L1 between the values [B, P] read off the image features and the simulator's."""
    return functional.smooth_l1_loss(predicted, privileged)


def td_error(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean absolute difference between Q and its target, both 0..1."""
    return (torch.sigmoid(logits) - targets).abs().mean()
