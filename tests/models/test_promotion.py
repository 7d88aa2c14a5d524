"""What is in force in a store changes by one rename, is recorded, and can be taken back."""

import shutil
from pathlib import Path

import pytest

from qtopt_agent.core.errors import IncompatibleModel, InvalidInput
from qtopt_agent.core.profile import COMPACT
from qtopt_agent.maximizers import CEM
from qtopt_agent.models.current import read_current
from qtopt_agent.models.history import history
from qtopt_agent.models.promotion import promote, roll_back
from qtopt_agent.models.publish import publish
from qtopt_agent.models.store import latest
from qtopt_agent.q_functions import make_q_function


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A store of three models, c the newest."""
    store = tmp_path_factory.mktemp("models")
    for seed, version in enumerate("abc"):
        search = CEM(COMPACT.action_space, samples=8, elites=2, iterations=1)
        publish(store, version, COMPACT, make_q_function(COMPACT, seed=seed), search, {})
    return store


@pytest.fixture
def store(made, tmp_path) -> Path:
    """A store with a alone; the others are candidates elsewhere."""
    shutil.copytree(made / "a", tmp_path / "store" / "a")
    return tmp_path / "store"


def test_without_a_promotion_the_newest_is_in_force(made):
    assert read_current(made) is None and latest(made).name == "c"


def test_a_promoted_model_is_copied_and_in_force_and_each_rollback_goes_one_back(store, made):
    for name in "bc":
        assert promote(made / name, store, "ada", "better", evidence={"auc": 0.9}) == store / name
        assert latest(store) == store / name
    assert roll_back(store, "ada", "it drops things").version == "b" and latest(store).name == "b"
    assert roll_back(store, "ada").version == "a" and latest(store).name == "a"
    with pytest.raises(InvalidInput, match=r"nothing was in force in .* before a"):
        roll_back(store, "ada")
    promote(made / "c", store, "eve", forced=True)
    assert roll_back(store, "eve").version == "a"
    changes = [(each.what, each.version, each.before, each.who, each.forced) for each in history(store)]
    assert changes == [
        ("promoted", "b", "a", "ada", False),
        ("promoted", "c", "b", "ada", False),
        ("rolled back", "b", "c", "ada", False),
        ("rolled back", "a", "b", "ada", False),
        ("promoted", "c", "a", "eve", True),
        ("rolled back", "a", "c", "eve", False),
    ]
    assert history(store)[0].evidence == {"auc": 0.9} and history(store)[2].why == "it drops things"


def test_a_damaged_candidate_changes_nothing(store, made, tmp_path):
    shutil.copytree(made / "b", tmp_path / "b")
    (tmp_path / "b" / "q.safetensors").write_bytes(b"no weights")
    with pytest.raises(IncompatibleModel, match=r"q\.safetensors"):
        promote(tmp_path / "b", store, "ada")
    assert read_current(store) is None and history(store) == [] and [p.name for p in store.iterdir()] == ["a"]


def test_a_model_of_the_same_name_and_other_weights_is_not_overwritten(store, made, tmp_path):
    publish(tmp_path, "a", COMPACT, make_q_function(COMPACT, seed=9), CEM(COMPACT.action_space, 8, 2, 1), {})
    with pytest.raises(InvalidInput, match="another model of that name"):
        promote(tmp_path / "a", store, "ada")
    promote(made / "a", store, "ada")
    with pytest.raises(InvalidInput, match=r"a is in force in .* already"):
        promote(made / "a", store, "ada")


@pytest.mark.parametrize("text", ["{", "[]", '{"version": "../a", "before": []}', '{"version": "a", "before": [1]}'])
def test_a_broken_file_is_named_and_no_other_model_taken_instead(store, text):
    (store / "current.json").write_text(text)
    with pytest.raises(InvalidInput, match=r"current\.json"):
        latest(store)


def test_what_is_recorded_is_recorded_before_it_is_in_force(store, made, monkeypatch):
    monkeypatch.setattr("qtopt_agent.models.promotion.write_current", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        promote(made / "b", store, "ada")
    assert [each.version for each in history(store)] == ["b"] and latest(store).name != "c"


@pytest.mark.parametrize("who", ["", "  ", "a\nb"])
def test_every_change_has_somebody_who_made_it(store, made, who):
    with pytest.raises(InvalidInput, match="who is"):
        promote(made / "b", store, who)
    assert read_current(store) is None
