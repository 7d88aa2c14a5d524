"""A portfolio by the cross-entropy method, with limits as projections, beside the optimum that is known exactly.

    python examples/portfolio.py

Weights w of 12 assets sum to 1; no asset may exceed 25 %, and each of 4 sectors has a limit of its own. The value of a
portfolio is mean-variance utility (Markowitz 1952): expected return less half the risk aversion times the variance. A
maximiser needs no more than something that values actions, so the utility takes the Q-function's place here.

The optimum is known because the expected returns are made for it. The utility is concave, so a portfolio is optimal if
and only if its gradient is a sum of multipliers of the limits that bind there (Karush, Kuhn, Tucker): draw such a
portfolio, the covariance and the multipliers, and solve for the returns.
"""

import argparse
from dataclasses import dataclass

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from qtopt_agent.core.action import ActionSpace
from qtopt_agent.maximizers import make_maximizer
from qtopt_agent.maximizers.projections import CappedSimplex

SECTORS = (0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3)
SECTOR_CAPS = (0.4, 0.3, 0.35, 0.25)
ASSET_CAP = 0.25
RISK_AVERSION = 4.0
BUDGETS = {"random": (400, 20), "cem": (400, 20), "icem": (400, 20), "cma_es": (200, 40)}
"""Samples and iterations: 8,000 portfolios each, fewer for iCEM, whose population shrinks."""
ELITES = 50


@dataclass(frozen=True)
class Market:
    """Expected yearly returns [n] and their covariance [n, n], with the best allowed weights [n]."""

    returns: Tensor
    covariance: Tensor
    optimum: Tensor

    def utility(self, weights: Tensor) -> Tensor:
        """[...] of weights [..., n], in return a year."""
        variance = ((weights @ self.covariance) * weights).sum(-1)
        return weights @ self.returns - RISK_AVERSION / 2 * variance

    def evaluate(self, embedding: Tensor, state: Tensor, actions: Tensor) -> Tensor:
        """What a maximiser asks of a Q-function: logits [B, N] of actions [B, N, n]."""
        return self.utility(actions)


def make_market(limits: CappedSimplex, seed: int) -> Market:
    """Three common factors and risks of each asset's own; the returns make a drawn portfolio the best."""
    rng, n = np.random.default_rng(seed), len(SECTORS)
    loadings = rng.normal(0, 0.1, (n, 3))
    covariance = torch.tensor(loadings @ loadings.T + np.diag(rng.uniform(0.05, 0.15, n) ** 2), dtype=torch.float32)
    optimum = limits(torch.tensor(rng.normal(0.08, 0.15, n), dtype=torch.float32))
    sectors = torch.tensor(SECTORS)
    full = torch.zeros(len(SECTOR_CAPS)).index_add(0, sectors, optimum) >= torch.tensor(SECTOR_CAPS) - 1e-6
    multiplier = torch.tensor(rng.uniform(0.01, 0.03, (3, n)), dtype=torch.float32)
    returns = (
        0.05
        + RISK_AVERSION * covariance @ optimum
        + multiplier[0] * (optimum >= ASSET_CAP - 1e-6)
        - multiplier[1] * (optimum <= 1e-6)
        + (multiplier[2][: len(full)] * full)[sectors]
    )
    return Market(returns, covariance, optimum)


def solve(market: Market, limits: CappedSimplex, name: str, seed: int) -> tuple[Tensor, int]:
    """The weights [n] that maximiser `name` finds, and how many portfolios it valued."""
    n = len(SECTORS)
    samples, iterations = BUDGETS[name]
    space = ActionSpace((0.0,) * n, (ASSET_CAP,) * n)
    search = make_maximizer(name, space, samples, ELITES, iterations, projection=limits)
    nothing = torch.zeros(1, 0)
    found = search(market, nothing, nothing, torch.Generator().manual_seed(seed))  # type: ignore[arg-type]
    return found.action[0], search.evaluations


def main() -> None:
    """Print each asset's weight as found by CEM and as known, and every maximiser's distance from the optimum."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    limits = CappedSimplex([ASSET_CAP] * len(SECTORS), SECTORS, SECTOR_CAPS)
    market = make_market(limits, seed)
    found = {name: solve(market, limits, name, seed) for name in BUDGETS}
    assets = Table("asset", "sector", "known optimum", "found by CEM", title="weights, %")
    for i, (best, mine) in enumerate(zip(market.optimum.tolist(), found["cem"][0].tolist(), strict=True)):
        assets.add_row(str(i), str(SECTORS[i]), f"{100 * best:.1f}", f"{100 * mine:.1f}")
    best_utility = float(market.utility(market.optimum))
    columns = ("maximiser", "valued", "utility", "below optimum", "largest error")
    table = Table(*columns, title="portfolios valued; utility, % a year; error of a weight, %")
    table.add_row("known optimum", "", f"{100 * best_utility:.4f}", "", "")
    for name, (weights, evaluations) in found.items():
        utility = float(market.utility(weights))
        error = float((weights - market.optimum).abs().max())
        table.add_row(
            name,
            f"{evaluations:,}",
            f"{100 * utility:.4f}",
            f"{100 * (best_utility - utility):.4f}",
            f"{100 * error:.2f}",
        )
    console = Console()
    console.print(assets)
    console.print(table)


if __name__ == "__main__":
    main()
