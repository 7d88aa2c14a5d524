"""The distribution of CMA-ES: a Gaussian whose mean, step size and full covariance follow the ranks of its samples."""

import math
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn


class Gaussian(NamedTuple):
    """mean [B, n] and step size [B]; covariance C [B, n, n] = basis diag(scale^2) basis'; two evolution paths [B, n].

    Everything is float64: conditions beyond 1e7 are what the covariance is for.
    """

    mean: Tensor
    step: Tensor
    covariance: Tensor
    basis: Tensor
    scale: Tensor
    step_path: Tensor
    covariance_path: Tensor


class CovarianceAdaptation(nn.Module):
    """Hansen, The CMA Evolution Strategy: A Tutorial, 2016 (arXiv 1604.00772), with its default constants (table 1).

    That includes negative weights for the worse half of the samples ("active" CMA). Each of B searches is for itself.
    """

    MAX_STEP_CHANGE: Final = 1.0  # of its logarithm in one generation, in either direction
    weights: Tensor

    def __init__(self, dimension: int, population: int) -> None:
        super().__init__()
        n = float(dimension)
        raw = [math.log((population + 1) / 2) - math.log(i) for i in range(1, population + 1)]
        good, bad = [w for w in raw if w > 0], [w for w in raw if w <= 0]
        mass = sum(good) ** 2 / sum(w * w for w in good)  # mu_eff, eq. 8
        bad_mass = sum(bad) ** 2 / max(sum(w * w for w in bad), 1e-12)
        self.rank_one = 2 / ((n + 1.3) ** 2 + mass)  # c_1, eq. 57
        self.rank_mu = min(1 - self.rank_one, 2 * (0.25 + mass + 1 / mass - 2) / ((n + 2) ** 2 + mass))  # eq. 58
        bad_sum = min(  # eq. 50 to 53
            1 + self.rank_one / self.rank_mu,
            1 + 2 * bad_mass / (bad_mass + 2),
            (1 - self.rank_one - self.rank_mu) / (n * self.rank_mu),
        )
        scaled = [w / sum(good) for w in good] + [bad_sum * w / max(-sum(bad), 1e-12) for w in bad]
        self.parents = len(good)  # mu
        self.mass = mass
        self.covariance_rate = (4 + mass / n) / (n + 4 + 2 * mass / n)  # c_c, eq. 56
        self.step_rate = (mass + 2) / (n + mass + 5)  # c_sigma, eq. 55
        self.damping = 1 + 2 * max(0.0, math.sqrt((mass - 1) / (n + 1)) - 1) + self.step_rate  # d_sigma
        self.dimension = dimension
        self.expected_length = math.sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n))  # E||N(0, I)||
        self.register_buffer("weights", torch.tensor(scaled, dtype=torch.float64), persistent=False)

    def start(self, batch: int, step: float) -> Gaussian:
        """Mean 0 and covariance I for each of `batch` searches."""
        zero = self.weights.new_zeros([batch, self.dimension])
        identity = torch.diag_embed(torch.ones_like(zero))
        steps = self.weights.new_full([batch], step)
        return Gaussian(zero, steps, identity, identity, torch.ones_like(zero), zero, zero)

    def sample(self, gaussian: Gaussian, normal: Tensor) -> Tensor:
        """Points [B, N, n] from standard normal numbers [B, N, n] (eq. 38 to 40)."""
        offset = (normal * gaussian.scale.unsqueeze(1)) @ gaussian.basis.transpose(1, 2)
        return gaussian.mean.unsqueeze(1) + gaussian.step[:, None, None] * offset

    def update(self, gaussian: Gaussian, generation: int, ranked: Tensor) -> Gaussian:
        """After `ranked` [B, N, n], the points' offsets from the mean, best first; `generation` counts from 0."""
        n = self.dimension
        y = ranked / gaussian.step[:, None, None]
        move = (self.weights[: self.parents, None] * y[:, : self.parents]).sum(1)  # y_w, eq. 41
        mean = gaussian.mean + gaussian.step[:, None] * move

        whitened = ((y @ gaussian.basis) / gaussian.scale.unsqueeze(1)).square().sum(-1)  # ||C^-1/2 y_i||^2
        rotated = (move.unsqueeze(1) @ gaussian.basis) / gaussian.scale.unsqueeze(1)
        white_move = (rotated @ gaussian.basis.transpose(1, 2)).squeeze(1)  # C^-1/2 y_w
        c = self.step_rate
        step_path = (1 - c) * gaussian.step_path + math.sqrt(c * (2 - c) * self.mass) * white_move  # eq. 43
        length = torch.linalg.vector_norm(step_path, dim=-1)
        change = (c / self.damping) * (length / self.expected_length - 1)
        step = gaussian.step * change.clamp(-self.MAX_STEP_CHANGE, self.MAX_STEP_CHANGE).exp()  # eq. 44

        settled = math.sqrt(1 - (1 - c) ** (2 * (generation + 1)))
        steady = (length / settled < (1.4 + 2 / (n + 1)) * self.expected_length).to(y.dtype).unsqueeze(-1)  # h_sigma
        c = self.covariance_rate
        path = (1 - c) * gaussian.covariance_path + steady * math.sqrt(c * (2 - c) * self.mass) * move  # eq. 45

        worse = n / whitened.clamp_min(1e-12)
        weights = torch.where(self.weights >= 0, self.weights, self.weights * worse)  # eq. 46
        rank_mu = (weights.unsqueeze(-1) * y).transpose(1, 2) @ y
        rank_one = path.unsqueeze(2) * path.unsqueeze(1)
        lost = (1 - steady.unsqueeze(-1)) * self.covariance_rate * (2 - self.covariance_rate)
        kept = 1 - self.rank_one - self.rank_mu * self.weights.sum() + self.rank_one * lost
        covariance = kept * gaussian.covariance + self.rank_one * rank_one + self.rank_mu * rank_mu  # eq. 47
        covariance = (covariance + covariance.transpose(1, 2)) / 2
        values, basis = torch.linalg.eigh(covariance)
        scale = values.clamp_min(1e-20).sqrt()
        return Gaussian(mean, step, covariance, basis, scale, step_path, path)
