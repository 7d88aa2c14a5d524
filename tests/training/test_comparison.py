"""A candidate wins by evidence alone, and evidence is about the very weights that were compared."""

from pathlib import Path

import numpy as np
import pytest

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.profile import COMPACT
from qtopt_agent.maximizers import CEM
from qtopt_agent.models.publish import publish
from qtopt_agent.q_functions import make_q_function
from qtopt_agent.training import comparison
from qtopt_agent.training.comparison import Simulated, compare, read_comparison, write_comparison
from qtopt_agent.training.held_back_scores import Foretold


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> dict[str, Path]:
    store = tmp_path_factory.mktemp("models")
    search = CEM(COMPACT.action_space, samples=8, elites=2, iterations=1)
    return {
        name: publish(store, name, COMPACT, make_q_function(COMPACT, seed=seed), search, {})
        for seed, name in enumerate(("running", "good", "bad"))
    }


def foretelling(skill: float, number: int) -> list[Foretold]:
    """What a model says of the same attempts, more or less near the truth."""
    rng, noise = np.random.default_rng(0), np.random.default_rng(int(100 * skill))
    made = []
    for _ in range(number):
        success = bool(rng.random() < 0.6)
        q = skill * (0.9 if success else 0.1) + (1 - skill) * noise.random(6)
        made.append(Foretold(q, np.full(6, float(success)), success))
    return made


@pytest.fixture
def known(monkeypatch, models):
    """Models of known skill on so many attempts, and what a simulator says of the candidates."""

    def known(number: int = 60, simulated: Simulated | None = None) -> None:
        skills = {"running": 0.5, "good": 0.8, "bad": 0.2}
        monkeypatch.setattr(comparison, "judged_episodes", lambda folders, share: iter([None] * number))
        monkeypatch.setattr(comparison, "foretold", lambda model, episodes: foretelling(skills[model.name], number))
        monkeypatch.setattr(comparison, "in_simulation", lambda *_: simulated)

    return known


def test_a_better_candidate_wins_and_a_worse_one_is_refused_for_each_measure(models, known):
    known()
    assert compare(models["running"], models["good"], [], 0.2).won
    refused = compare(models["running"], models["bad"], [], 0.2)
    assert not refused.won and ["log loss" in refused.reasons[0], "rank" in refused.reasons[1]] == [True, True]


def test_few_episodes_prove_nothing(models, known):
    known(number=20)
    found = compare(models["running"], models["good"], [], 0.2)
    assert not found.won and "20 episodes are held back" in found.reasons[0]


@pytest.mark.parametrize(("low", "won"), [(-0.02, True), (-0.08, False)])
def test_a_candidate_that_may_be_worse_in_simulation_is_refused(models, known, low, won):
    known(simulated=Simulated(200, 180, 176, -0.02, low))
    found = compare(models["running"], models["good"], [], 0.2, simulate=200)
    assert found.won == won and (won or "176 of 200" in found.reasons[0])


def test_a_model_is_not_compared_with_itself_nor_on_nothing(models, known):
    known(number=0)
    with pytest.raises(InvalidInput, match="the same weights"):
        compare(models["good"], models["good"], [], 0.2)
    with pytest.raises(InvalidInput, match="none is held back"):
        compare(models["running"], models["good"], [Path("episodes")], 0.2)


def test_what_was_found_is_kept_beside_the_candidate_and_speaks_of_no_other_model(models, known):
    known()
    with pytest.raises(InvalidInput, match="was never compared"):
        read_comparison(models["good"], models["running"])
    found = compare(models["running"], models["good"], [], 0.2)
    write_comparison(models["good"], found)
    assert read_comparison(models["good"], models["running"]) == found.to_json()
    with pytest.raises(InvalidInput, match="about another incumbent"):
        read_comparison(models["good"], models["bad"])
