"""Two models take turns in a store: what came of it is on the disk, decides what is in force, stays in the history."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from qtopt_agent.cells.cell_file import load_cell
from qtopt_agent.core.errors import IncompatibleModel, InvalidInput
from qtopt_agent.core.profile import COMPACT
from qtopt_agent.maximizers import CEM
from qtopt_agent.models.alternation import Verdict
from qtopt_agent.models.history import history
from qtopt_agent.models.promotion import conclude, promote, roll_back
from qtopt_agent.models.publish import publish
from qtopt_agent.models.store import latest
from qtopt_agent.models.turns import begin_turns, end_turns, note, read_turns
from qtopt_agent.q_functions import make_q_function

SEARCH = CEM(COMPACT.action_space, samples=8, elites=2, iterations=1)


@pytest.fixture(scope="module")
def candidate(tmp_path_factory) -> Path:
    return publish(tmp_path_factory.mktemp("made"), "next", COMPACT, make_q_function(COMPACT), SEARCH, {})


@pytest.fixture
def store(model) -> Path:
    """A store with one model, `untrained`."""
    return model.parent


def grasped(store, turns, better: str) -> None:
    """Attempts of which those of the model `better` succeed, until there is a verdict."""
    for number in range(30):
        if turns.verdict == Verdict.GO_ON:
            turns = note(store, turns, f"e{number}", turns.next == better)
    conclude(store, turns)


def test_a_newer_candidate_takes_turns_without_being_in_force(store, candidate):
    turns = begin_turns(candidate, store, "ada", "let us see", seed=1)
    assert (turns.incumbent, turns.candidate) == ("untrained", "next") and latest(store).name == "untrained"
    (begun,) = history(store)
    assert (begun.what, begun.version, begun.before, begun.who) == ("turns begun", "next", "untrained", "ada")


def test_each_attempt_is_on_the_disk_and_the_next_is_anothers_in_each_pair(store, candidate):
    turns = begin_turns(candidate, store, "ada")
    for number in range(6):
        turns = note(store, turns, f"e{number}", number % 2 == 0)
        assert read_turns(store) == turns
    whose = [each.model for each in turns.attempts]
    assert [set(whose[i : i + 2]) for i in (0, 2, 4)] == [{"untrained", "next"}] * 3
    assert [(each.episode_id, each.success) for each in turns.attempts[:2]] == [("e0", True), ("e1", False)]


@pytest.mark.parametrize(("better", "in_force"), [("next", "next"), ("untrained", "untrained"), ("", "untrained")])
def test_only_a_better_candidate_is_put_in_force_and_every_attempt_is_in_the_history(
    store, candidate, better, in_force
):
    grasped(store, begin_turns(candidate, store, "ada", pairs=15), better)
    assert latest(store).name == in_force and read_turns(store) is None
    changes = history(store)
    promoted = ["promoted"] if in_force == "next" else []
    assert [each.what for each in changes] == ["turns begun", "turns ended", *promoted]
    assert {each.who for each in changes} == {"ada"} and not any(each.forced for each in changes)
    outcomes = changes[1].evidence["attempts"]
    assert len(outcomes) >= 12 and all(each["success"] == (each["model"] == better) for each in outcomes)
    assert f"untrained {len(outcomes) // 2 if better == 'untrained' else 0} of {len(outcomes) // 2}" in changes[1].why
    if promoted:
        assert roll_back(store, "eve").version == "untrained"


def test_an_attempt_counts_for_no_other_turn_than_its_own(store, candidate):
    turns = begin_turns(candidate, store, "ada")
    assert note(store, turns, "first", True) is not None
    assert note(store, turns, "late", True) is None
    end_turns(store, "eve")
    assert note(store, turns, "later", True) is None and read_turns(store) is None


def test_what_is_found_after_a_person_has_ended_it_changes_nothing(store, candidate):
    turns = begin_turns(candidate, store, "ada", pairs=15)
    for number in range(30):
        if turns.verdict == Verdict.GO_ON:
            turns = note(store, turns, f"e{number}", turns.next == "next")
    end_turns(store, "eve", "it scratches the bin")
    conclude(store, turns)
    assert latest(store).name == "untrained"
    assert [(each.what, each.who) for each in history(store)] == [("turns begun", "ada"), ("turns ended", "eve")]
    with pytest.raises(InvalidInput, match="no models take turns"):
        end_turns(store, "eve")


@pytest.mark.parametrize("change", ["promote", "roll back"])
def test_whoever_changes_what_is_in_force_ends_the_turns(store, candidate, tmp_path, change):
    other = publish(tmp_path / "other", "other", COMPACT, make_q_function(COMPACT, seed=2), SEARCH, {})
    promote(other, store, "ada")
    note(store, begin_turns(candidate, store, "ada"), "e0", True)
    if change == "promote":
        promote(candidate, store, "eve")
    else:
        roll_back(store, "eve")
    assert read_turns(store) is None
    _, _, ended, _ = history(store)
    assert (ended.what, ended.who, ended.evidence["attempts"][0]["episode_id"]) == ("turns ended", "eve", "e0")


def test_what_cannot_take_turns_is_refused_and_changes_nothing(store, candidate, tmp_path):
    wrist = replace(COMPACT, cell=load_cell("d435_wrist"))
    elsewhere = publish(tmp_path / "other", "wrist", wrist, make_q_function(wrist), SEARCH, {})
    damaged = shutil.copytree(candidate, tmp_path / "next")
    (damaged / "q.safetensors").write_bytes(b"no weights")
    for wrong, error in ((elsewhere, "another cell"), (damaged, r"q\.safetensors"), (store / "untrained", "in force")):
        with pytest.raises((IncompatibleModel, InvalidInput), match=error):
            begin_turns(wrong, store, "ada")
    for settings in ({"pairs": 0}, {"pairs": 501}, {"error": 0.5}, {"seed": -1}, {"who": ""}):
        with pytest.raises(InvalidInput):
            begin_turns(candidate, store, **{"who": "ada"} | settings)
    assert history(store) == [] and [each.name for each in store.iterdir()] == ["untrained"]
    begin_turns(candidate, store, "ada")
    with pytest.raises(InvalidInput, match="next and untrained take turns"):
        begin_turns(candidate, store, "eve")


@pytest.mark.parametrize(
    "change", [("{", "{["), ('"next"', '"../next"'), ('"seed": 0', '"seed": "x"'), ('"attempts"', '"attempt"')]
)
def test_a_damaged_file_is_named_and_can_be_ended_and_rolled_back(store, candidate, change):
    begin_turns(candidate, store, "ada")
    file = store / "turns.json"
    file.write_text(file.read_text().replace(*change))
    with pytest.raises(InvalidInput, match=r"turns\.json"):
        read_turns(store)
    end_turns(store, "eve")
    assert read_turns(store) is None and r"turns.json" in history(store)[-1].why
