"""In a running agent two models take turns, attempt by attempt, by the cycle's word on each."""

from dataclasses import replace

import numpy as np
import pytest

from qtopt_agent.agent.agent_core import AgentCore, Decider
from qtopt_agent.agent.model_changes import ModelChanges
from qtopt_agent.agent.turn_taking import TurnTaking
from qtopt_agent.agent.values import AgentSettings, GraspResult, Outcome
from qtopt_agent.core.episode import Episode, Step
from qtopt_agent.core.errors import IncompatibleModel, StorageError
from qtopt_agent.core.observation import Observation
from qtopt_agent.core.profile import COMPACT
from qtopt_agent.maximizers import CEM
from qtopt_agent.models.history import history
from qtopt_agent.models.publish import publish
from qtopt_agent.models.store import latest
from qtopt_agent.models.turns import begin_turns, end_turns, read_turns
from qtopt_agent.q_functions import make_q_function

SEEN = Observation(np.zeros((4, 4, 3), np.uint8), np.zeros(4, np.float32), 0.0)
ACTION = np.zeros(8, np.float32)
SEARCH = CEM(COMPACT.action_space, samples=8, elites=2, iterations=1)
STEP = Step(SEEN, ACTION, ACTION, 0.0, True)


class Running:
    name = "untrained"


class Untried:
    def run(self, folder, profile, trusted, abandoned):
        pass


@pytest.fixture(scope="module")
def candidate(tmp_path_factory):
    return publish(tmp_path_factory.mktemp("made"), "next", COMPACT, make_q_function(COMPACT), SEARCH, {})


class Arm:
    """An agent whose attempts and cycle are made by hand, at a time of its own."""

    def __init__(self, store, refused=""):
        self.store, self.refused, self.now, self.made, self.successes, self.said = store, refused, 100.0, 0, 0, []
        self.core = AgentCore(COMPACT, AgentSettings(), "agent")
        self.core.use(Running())
        self.turns = TurnTaking(self.core, store, self.prepare, self.said.append, lambda: self.now)

    def prepare(self, folder, in_force):
        assert in_force == (folder.name == "untrained")
        if folder.name == self.refused:
            raise IncompatibleModel("none of the keys has signed it")
        return Decider(Running(), "greedy", folder.name)

    def cycle(self, success=None, episode_id=""):
        """Its word, on one more attempt where `success` is not None."""
        self.made += success is not None
        self.successes += bool(success)
        self.turns.counted(self.made, self.successes, episode_id or f"e{self.made}")

    def attempts(self, outcome=Outcome.TERMINATED, judged=True, by_person=False, success=False):
        """One, up to its result; returns whose it was."""
        self.turns.begins()
        version, episode_id = self.core.model_version, f"e{self.made + 1}"
        episode = Episode(episode_id, (STEP, replace(STEP, by_person=by_person)), SEEN, success, model_version=version)
        self.turns.ended(GraspResult(outcome, success, judged, episode_id, episode, ""))
        return version

    def grasps(self, success):
        version = self.attempts(success=not success)  # the last word is the cycle's
        self.cycle(success)
        return version

    def grasps_until_decided(self, better):
        for _ in range(30):
            if self.turns.turns is None:
                return
            self.grasps(read_turns(self.store).next == better)
        raise AssertionError("it is never decided")


@pytest.fixture
def begun(model, candidate):
    """A store in which `untrained` and `next` take turns."""
    begin_turns(candidate, model.parent, "ada", pairs=15)
    return model.parent


@pytest.fixture
def arm(begun):
    arm = Arm(begun)
    assert arm.turns.look()
    arm.cycle()
    return arm


def test_each_attempt_is_made_by_whose_turn_it_is_and_counts_as_the_cycle_says(arm):
    made = []
    for number in range(6):
        whose = read_turns(arm.store).next
        assert arm.grasps(number % 3 == 0) == whose
        made.append((f"e{number + 1}", whose, number % 3 == 0))
        assert [tuple(vars(each).values()) for each in read_turns(arm.store).attempts] == made
        assert f"{number + 1} attempts of at most 30" in arm.said[-1]


@pytest.mark.parametrize(
    "attempt",
    [{"judged": False}, {"by_person": True}, {"outcome": Outcome.SAFETY_STOP}, {"outcome": Outcome.CANCELLED}],
)
def test_an_attempt_that_says_nothing_of_a_model_does_not_count_and_its_turn_comes_again(arm, attempt):
    whose = arm.attempts(**attempt)
    arm.cycle(True)
    assert read_turns(arm.store).attempts == ()
    assert arm.grasps(True) == whose
    assert len(read_turns(arm.store).attempts) == 1


def test_a_word_that_is_missed_or_about_another_attempt_counts_nothing(arm):
    whose = arm.attempts()
    arm.cycle(True, "another")
    assert arm.attempts() == whose
    episode_id = f"e{arm.made + 1}"
    arm.made += 1  # and nobody heard of it
    arm.cycle(True, episode_id)
    assert arm.attempts() == whose and read_turns(arm.store).attempts == ()
    arm.cycle(True)
    arm.cycle()  # the same, again
    assert len(read_turns(arm.store).attempts) == 1


def test_attempts_that_no_cycle_asks_for_are_the_incumbents(arm):
    arm.now += 6.0
    assert [arm.attempts() for _ in range(4)] == ["untrained"] * 4
    arm.cycle(True)
    assert read_turns(arm.store).attempts == ()
    assert arm.grasps(False) == read_turns(arm.store).attempts[0].model


def test_an_agent_that_was_started_again_goes_on_where_it_was(arm):
    for _ in range(3):
        arm.grasps(True)
    arm.attempts()  # and then it is killed
    again = Arm(arm.store)
    assert again.turns.look() and again.core.model_version == "untrained"
    again.cycle()
    whose = read_turns(arm.store).next
    assert again.grasps(True) == whose and len(read_turns(arm.store).attempts) == 4


def test_a_better_candidate_is_in_force_and_decides_from_then_on(arm):
    arm.grasps_until_decided("next")
    assert latest(arm.store).name == "next" and arm.core.model_version == "untrained"
    changes = ModelChanges(arm.core, None, Untried())
    assert changes.look(arm.store)["version"] == arm.core.model_version == "next"
    assert arm.attempts() == "next"


def test_a_worse_candidate_decides_nothing_any_more(arm):
    arm.grasps_until_decided("untrained")
    assert latest(arm.store).name == "untrained" and [arm.attempts() for _ in range(3)] == ["untrained"] * 3
    assert "the candidate is worse" in history(arm.store)[-1].why


def test_a_person_ends_it_at_any_time_also_in_an_attempt(arm):
    if arm.attempts() != "next":
        arm.cycle(True)
        assert arm.attempts() == "next"
    end_turns(arm.store, "eve")
    assert not arm.turns.look() and arm.core.model_version == "untrained"
    arm.cycle(True)
    assert arm.attempts() == "untrained" and read_turns(arm.store) is None


def test_another_candidate_may_follow_at_once(arm, candidate):
    end_turns(arm.store, "eve")
    other = publish(arm.store.parent, "other", COMPACT, make_q_function(COMPACT, seed=2), SEARCH, {})
    begin_turns(other, arm.store, "eve")
    arm.attempts()
    assert arm.turns.look() and {arm.grasps(True) for _ in range(2)} == {"untrained", "other"}


def test_a_candidate_that_the_agent_refuses_makes_no_attempt(begun):
    arm = Arm(begun, refused="next")
    with pytest.raises(IncompatibleModel, match="signed"):
        arm.turns.look()
    arm.cycle()
    assert not arm.turns.look() and [arm.attempts() for _ in range(4)] == ["untrained"] * 4
    assert (history(begun)[-1].what, history(begun)[-1].why) == (
        "turns ended",
        "refused: none of the keys has signed it",
    )


def test_what_cannot_be_written_down_does_not_count(arm, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    whose = arm.attempts()
    with monkeypatch.context() as disk, pytest.raises(StorageError, match="No space left"):
        disk.setattr("qtopt_agent.models.turns.write_json", full)
        arm.cycle(True)
    assert arm.turns.look() and arm.grasps(True) == whose and len(read_turns(arm.store).attempts) == 1


def test_the_incumbent_decides_while_the_file_is_damaged(arm):
    text = (arm.store / "turns.json").read_text()
    (arm.store / "turns.json").write_text("{")
    with pytest.raises(Exception, match=r"turns\.json"):
        arm.turns.look()
    assert [arm.attempts() for _ in range(4)] == ["untrained"] * 4
    (arm.store / "turns.json").write_text(text)
    assert arm.turns.look()
