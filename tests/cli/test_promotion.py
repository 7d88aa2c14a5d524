"""Models change by what was found about them, or by force and with a reason; episodes are labelled and counted."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from qtopt_agent.cli.main import app
from qtopt_agent.core.episode import Episode, Step
from qtopt_agent.core.observation import Observation
from qtopt_agent.core.profile import COMPACT
from qtopt_agent.episodes.label import read_label
from qtopt_agent.episodes.reader import find_episodes
from qtopt_agent.episodes.writer import EpisodeWriter
from qtopt_agent.maximizers import CEM
from qtopt_agent.models.manifest import WEIGHTS
from qtopt_agent.models.opened import open_model
from qtopt_agent.models.publish import publish
from qtopt_agent.models.store import latest
from qtopt_agent.models.turns import note, read_turns
from qtopt_agent.q_functions import make_q_function


def run(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, [str(word) for word in words])
    return done.exit_code, done.output


@pytest.fixture
def store(model, tmp_path):
    """A store with one model, and a candidate beside it that was compared with that and lost."""
    search = CEM(COMPACT.action_space, samples=8, elites=2, iterations=1)
    candidate = publish(tmp_path / "candidates", "next", COMPACT, make_q_function(COMPACT, seed=1), search, {})
    hashes = [open_model(each).manifest["sha256"][WEIGHTS] for each in (model, candidate)]
    found = {"incumbent_sha256": hashes[0], "candidate_sha256": hashes[1], "won": False, "reasons": ["too few"]}
    (candidate / "comparison.json").write_text(json.dumps(found))
    return model.parent


def test_a_candidate_that_did_not_win_is_refused_and_one_that_did_is_put_in_force_and_back(store, tmp_path):
    candidate = tmp_path / "candidates" / "next"
    code, said = run("models", "promote", candidate, "--store", store)
    assert code == 1 and "next did not win: too few" in said and not (store / "next").exists()
    file = candidate / "comparison.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"won": True}))
    assert run("models", "promote", candidate, "--store", store, "--who", "ada")[0] == 0
    assert json.loads((store / "current.json").read_text())["version"] == "next"
    assert run("models", "rollback", "--store", store, "--who", "ada", "--why", "drops things")[0] == 0
    assert json.loads((store / "current.json").read_text())["version"] == "untrained"
    _, said = run("models", "history", store, "--json", "-")
    assert [(each["what"], each["who"]) for each in json.loads(said)] == [("promoted", "ada"), ("rolled back", "ada")]
    assert json.loads(said)[0]["evidence"]["won"]


def test_force_needs_a_reason_which_is_recorded(store, tmp_path):
    candidate = tmp_path / "candidates" / "next"
    assert run("models", "promote", candidate, "--store", store, "--force")[0] == 2
    assert run("models", "promote", candidate, "--store", store, "--force", "--why", "a demonstration")[0] == 0
    _, said = run("models", "history", store, "--json", "-")
    assert [(each["forced"], each["why"]) for each in json.loads(said)] == [(True, "a demonstration")]


def test_a_candidate_that_was_never_compared_is_refused(store, tmp_path):
    candidate = tmp_path / "candidates" / "next"
    (candidate / "comparison.json").unlink()
    code, said = run("models", "promote", candidate, "--store", store)
    assert code == 2 and "was never compared" in said


def test_a_candidate_that_won_takes_turns_until_a_person_ends_it_and_tells_how_it_stands(store, tmp_path):
    candidate, file = tmp_path / "candidates" / "next", tmp_path / "candidates" / "next" / "comparison.json"
    alternate = ("models", "alternate", "--store", store)
    code, said = run(*alternate, candidate)
    assert code == 1 and "next did not win: too few" in said and not (store / "next").exists()
    assert json.loads(run(*alternate, "--json", "-")[1]) == {"taking_turns": False}
    file.write_text(json.dumps(json.loads(file.read_text()) | {"won": True}))
    code, said = run(*alternate, candidate, "--who", "ada", "--pairs", 30)
    assert code == 0 and "next 0 of 0, untrained 0 of 0; 0 attempts of at most 60: go on" in said
    turns = read_turns(store)
    note(store, turns, "e0", turns.next == "next")
    found = json.loads(run(*alternate, "--json", "-")[1])
    assert (found["incumbent"], found["candidate"], found["pairs"], found["verdict"]) == (
        "untrained",
        "next",
        30,
        "go on",
    )
    assert found["counts"][turns.next] == {"successes": int(turns.next == "next"), "attempts": 1}
    code, said = run(*alternate, candidate)
    assert code == 2 and "take turns in" in said
    assert run(*alternate, candidate, "--end")[0] == 2 and read_turns(store) is not None
    code, said = run(*alternate, "--end", "--who", "eve")
    assert code == 0 and "no models take turns" in said and run(*alternate, "--end")[0] == 2
    changes = json.loads(run("models", "history", store, "--json", "-")[1])
    assert [(each["what"], each["who"]) for each in changes] == [("turns begun", "ada"), ("turns ended", "eve")]
    assert changes[0]["evidence"]["won"] and len(changes[1]["evidence"]["attempts"]) == 1
    assert latest(store).name == "untrained"


def test_one_that_did_not_win_takes_turns_by_force_and_with_a_reason(store, tmp_path):
    alternate = ("models", "alternate", tmp_path / "candidates" / "next", "--store", store, "--force")
    assert run(*alternate)[0] == 2 and read_turns(store) is None
    assert run(*alternate, "--why", "a demonstration")[0] == 0
    (begun,) = json.loads(run("models", "history", store, "--json", "-")[1])
    assert (begun["forced"], begun["why"]) == (True, "a demonstration") and read_turns(store) is not None


@pytest.fixture
def episodes(tmp_path):
    writer = EpisodeWriter(tmp_path / "episodes")
    seen = Observation(np.zeros((4, 4, 3), np.uint8), np.zeros(4, np.float32), 100.0)
    action = COMPACT.action_space.sample(np.random.default_rng(0))
    for i in range(4):
        last = replace(seen, stamp=101.0)
        steps = (Step(seen, action, action, float(i > 1), True, by_person=i == 0),)
        writer.write(Episode(f"e{i}", steps, last, i > 1, policy="script" if i else "person"))
    return tmp_path / "episodes"


def test_episodes_are_labelled_by_their_ids_and_counted(episodes):
    assert run("episodes", "label", episodes, "failure")[0] == 2  # which of them?
    assert run("episodes", "label", episodes, "failure", "--episode", "none")[0] == 2
    assert run("episodes", "label", episodes, "failure", "--episode", "e3", "--author", "ada")[0] == 0
    labels = {folder.name: read_label(folder) for folder in find_episodes(episodes)}
    assert [name for name, label in labels.items() if label] == ["e3"]
    assert (labels["e3"].success, labels["e3"].author) == (False, "ada")
    found = json.loads(run("episodes", "stats", episodes, "--json", "-")[1])
    everything = found["all"]["all"]
    assert (everything["episodes"], everything["successes"], everything["unlabelled"]) == (4, 1, 3)
    assert everything["success"] == 0.25 and everything["wilson_low"] < 0.25 < everything["wilson_high"]
    assert found["policy"]["person"]["by_person"] == everything["by_person"] > 0
    assert set(found["author of the label"]) == {"ada", "no label"}


def test_the_split_names_each_episode_once_and_stays(episodes):
    before = json.loads(run("episodes", "split", episodes, "--share", 0.5, "--json", "-")[1])
    assert sorted(before["held back"] + before["learned from"]) == ["e0", "e1", "e2", "e3"]
    shutil.rmtree(next(find_episodes(episodes)))
    after = json.loads(run("episodes", "split", episodes, "--share", 0.5, "--json", "-")[1])
    assert set(after["held back"]) <= set(before["held back"])
