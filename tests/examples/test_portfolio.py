"""The portfolio example finds the optimum that it knows, within its limits."""

import importlib.util
import sys
from pathlib import Path

import pytest
import torch

PATH = Path(__file__).parents[2] / "examples" / "portfolio.py"


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("portfolio", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules["portfolio"] = module  # where dataclasses looks for the module of their annotations
    spec.loader.exec_module(module)
    yield module
    del sys.modules["portfolio"]


@pytest.fixture(scope="module")
def limits(example):
    n = len(example.SECTORS)
    return example.CappedSimplex([example.ASSET_CAP] * n, example.SECTORS, example.SECTOR_CAPS)


def within_limits(example, weights):
    sectors = torch.zeros(len(example.SECTOR_CAPS)).index_add(0, torch.tensor(example.SECTORS), weights)
    return (
        weights.sum().item() == pytest.approx(1, abs=1e-5)
        and bool((weights >= 0).all() and (weights <= example.ASSET_CAP + 1e-6).all())
        and bool((sectors <= torch.tensor(example.SECTOR_CAPS) + 1e-5).all())
    )


@pytest.mark.parametrize("seed", range(5))
def test_no_allowed_portfolio_beats_the_known_optimum(example, limits, seed):
    market = example.make_market(limits, seed)
    assert within_limits(example, market.optimum)
    generator = torch.Generator().manual_seed(seed)
    anywhere = limits(torch.randn([20_000, len(example.SECTORS)], generator=generator) * 0.3)
    nearby = limits(market.optimum + torch.randn([20_000, len(example.SECTORS)], generator=generator) * 0.01)
    best = market.utility(market.optimum)
    assert market.utility(anywhere).max() < best
    assert market.utility(nearby).max() < best


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("name", "gap"), [("cem", 2e-4), ("icem", 4e-4), ("cma_es", 1e-4)])
def test_the_optimum_is_found_within_the_limits(example, limits, name, gap, seed):
    market = example.make_market(limits, seed)
    weights, _ = example.solve(market, limits, name, seed)
    assert within_limits(example, weights)
    assert market.utility(market.optimum) - market.utility(weights) < gap


def test_the_table_is_printed(example, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["portfolio.py", "--seed", "1"])
    example.main()
    printed = capsys.readouterr().out
    assert "known optimum" in printed and "cma_es" in printed
