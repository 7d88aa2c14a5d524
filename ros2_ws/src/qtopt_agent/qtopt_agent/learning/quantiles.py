"""Regression to quantiles."""

from torch import Tensor
from torch.nn import functional

HUBER_THRESHOLD = 0.02  # in units of Q, 0..1; a large one would give expectiles


def quantile_huber_loss(predicted: Tensor, targets: Tensor, taus: Tensor, kappa: float = HUBER_THRESHOLD) -> Tensor:
    """Quantile Huber loss [B] of `predicted` [B, T] at `taus` [B, T] against samples `targets` [B, T'], values of Q.

    The mean over i and j of |tau_i - 1(u_ij < 0)| huber(u_ij) / kappa with u_ij = target_j - predicted_i (Dabney et al.
    2018, IQN, eq. 3, which sums over i). Its minimum is the tau-quantile of the targets as `kappa` goes to 0.
    """
    error = targets.unsqueeze(1) - predicted.unsqueeze(2)
    huber = functional.huber_loss(error, error.new_zeros([]).expand_as(error), reduction="none", delta=kappa) / kappa
    return ((taus.unsqueeze(2) - (error < 0).to(error.dtype)).abs() * huber).mean([1, 2])
