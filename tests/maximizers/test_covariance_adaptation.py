"""CMA-ES as its author's own library does it: the same constants, and as many evaluations to the target."""

import math

import cma
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from qtopt_agent.maximizers.covariance_adaptation import CovarianceAdaptation

SEEDS, LIBRARY_SEEDS = 200, 25


def sphere(x):
    return (x**2).sum(-1)


def ellipsoid(x):
    n = x.shape[-1]
    return (10 ** (6 * np.arange(n) / (n - 1)) * x**2).sum(-1)


def rosenbrock(x):
    return (100 * (x[..., 1:] - x[..., :-1] ** 2) ** 2 + (1 - x[..., :-1]) ** 2).sum(-1)


def rastrigin(x):
    return (10 * (1 - np.cos(2 * np.pi * x)) + x**2).sum(-1)


def evaluations_of_ours(function, start, step, population, generations, target):
    """Evaluations until the target is reached, of SEEDS searches in one batch; inf where it is not."""
    core = CovarianceAdaptation(len(start), population)
    gaussian, origin = core.start(SEEDS, step), torch.tensor(start, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    needed = np.full(SEEDS, np.inf)
    for i in range(generations):
        normal = torch.randn([SEEDS, population, len(start)], dtype=torch.float64, generator=generator)
        points = core.sample(gaussian, normal)
        values = function((points + origin).numpy())
        hit = values < target
        reached = np.where(hit.any(1), i * population + hit.argmax(1) + 1, np.inf)
        needed = np.minimum(needed, reached)
        if np.isfinite(needed).all():
            break
        order = torch.from_numpy(values).argsort(1).unsqueeze(-1).expand_as(points)
        gaussian = core.update(gaussian, i, (points - gaussian.mean.unsqueeze(1)).gather(1, order))
    return needed


def evaluations_of_the_library(function, start, step, population, generations, target):
    needed = []
    for seed in range(1, LIBRARY_SEEDS + 1):
        search = cma.CMAEvolutionStrategy(start, step, {"popsize": population, "seed": seed, "verbose": -9})
        reached = np.inf
        for i in range(generations):
            points = search.ask()
            values = function(np.array(points))
            if (values < target).any():
                reached = i * population + int((values < target).argmax()) + 1
                break
            search.tell(points, values)
        needed.append(reached)
    return np.array(needed)


@pytest.mark.parametrize(
    ("function", "dimension", "start", "step", "population", "generations"),
    [
        (sphere, 8, 1.0, 0.5, 10, 300),
        (ellipsoid, 5, 1.0, 0.5, 8, 500),
        (rosenbrock, 6, 0.0, 0.5, 16, 500),
        (rastrigin, 4, 2.0, 2.0, 200, 60),
    ],
)
def test_as_many_evaluations_as_the_library_within_a_tenth(function, dimension, start, step, population, generations):
    setting = ([start] * dimension, step, population, generations, 1e-8)
    ours = evaluations_of_ours(function, *setting)
    library = evaluations_of_the_library(function, *setting)
    # Rastrigin has many local maxima, so some searches end in one.
    reached, library_reached = np.isfinite(ours), np.isfinite(library)
    assert reached.mean() > 0.8 and library_reached.mean() > 0.8
    assert np.median(ours[reached]) == pytest.approx(np.median(library[library_reached]), rel=0.1)


@pytest.mark.parametrize(("dimension", "population"), [(4, 8), (4, 64), (8, 10), (10, 100)])
def test_constants_are_the_librarys(dimension, population):
    core = CovarianceAdaptation(dimension, population)
    library = cma.CMAEvolutionStrategy([0.0] * dimension, 1.0, {"popsize": population, "verbose": -9}).sp
    assert core.parents == library.weights.mu
    assert core.mass == pytest.approx(library.weights.mueff, rel=1e-9)
    np.testing.assert_allclose(core.weights[: core.parents], library.weights[: core.parents], rtol=1e-9)
    # The library's own c_c, c_1 and c_mu follow the tutorial to within small terms in n.
    assert core.covariance_rate == pytest.approx(library.cc, rel=0.25)
    assert core.rank_one == pytest.approx(library.c1, rel=0.1)
    assert core.rank_mu == pytest.approx(library.cmu, rel=0.1)


@given(st.integers(1, 10), st.integers(2, 100))
def test_the_covariance_can_lose_no_more_than_it_has(dimension, population):
    # Tutorial, eq. 47 and 53: what remains of the old covariance, after the most that negative weights may take.
    core = CovarianceAdaptation(dimension, population)
    good, bad = core.weights[core.weights > 0].sum(), -core.weights[core.weights < 0].sum()
    assert good.item() == pytest.approx(1)
    assert core.rank_one + core.rank_mu <= 1 + 1e-9
    assert (
        1 - core.rank_one - core.rank_mu * (good - bad) - core.rank_mu * bad * dimension >= -core.rank_mu * bad - 1e-9
    )


def test_a_search_of_a_batch_is_the_search_alone():
    core = CovarianceAdaptation(4, 12)
    generator = torch.Generator().manual_seed(3)
    batch, alone = core.start(5, 0.3), core.start(1, 0.3)
    for i in range(30):
        normal = torch.randn([5, 12, 4], dtype=torch.float64, generator=generator)
        ranked = torch.randn([5, 12, 4], dtype=torch.float64, generator=generator)
        torch.testing.assert_close(core.sample(batch, normal)[2:3], core.sample(alone, normal[2:3]))
        batch, alone = core.update(batch, i, ranked), core.update(alone, i, ranked[2:3])
    for name in ("mean", "step", "covariance", "step_path", "covariance_path"):
        torch.testing.assert_close(getattr(batch, name)[2:3], getattr(alone, name))


def test_one_update_is_the_tutorials_by_hand():
    # One dimension and two samples: everything is a scalar. Offsets 1 (better) and -2 (worse) at step 0.5.
    core = CovarianceAdaptation(1, 2)
    after = core.update(core.start(1, 0.5), 0, torch.tensor([[[1.0], [-2.0]]], dtype=torch.float64))
    c, cc, y = core.step_rate, core.covariance_rate, (2.0, -4.0)
    length = math.sqrt(c * (2 - c)) * y[0]
    step = 0.5 * math.exp(min(1, c / core.damping * (length / core.expected_length - 1)))
    steady = length / math.sqrt(c * (2 - c)) < (1.4 + 2 / 2) * core.expected_length
    path = steady * math.sqrt(cc * (2 - cc)) * y[0]
    w = core.weights.tolist()
    kept = 1 - core.rank_one - core.rank_mu * sum(w) + core.rank_one * (1 - steady) * cc * (2 - cc)
    rank_mu = w[0] * y[0] ** 2 + w[1] * (1 / y[1] ** 2) * y[1] ** 2
    assert after.mean.item() == pytest.approx(1.0)
    assert after.step.item() == pytest.approx(step)
    assert after.covariance.item() == pytest.approx(kept + core.rank_one * path**2 + core.rank_mu * rank_mu)


def test_samples_have_the_covariance():
    core = CovarianceAdaptation(2, 4)
    covariance = torch.tensor([[[2.0, 1.2], [1.2, 1.0]]], dtype=torch.float64)
    values, basis = torch.linalg.eigh(covariance)
    gaussian = core.start(1, 3.0)._replace(covariance=covariance, basis=basis, scale=values.sqrt())
    normal = torch.randn([1, 200_000, 2], dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(core.sample(gaussian, normal)[0].T.cov(), 9 * covariance[0], rtol=0.02, atol=0)
