"""A running agent changes to a model that has passed its trial, and keeps the one it has otherwise."""

import shutil
import threading
from dataclasses import replace

import pytest

from qtopt_agent.agent.agent_core import AgentCore
from qtopt_agent.agent.model_changes import ModelChanges
from qtopt_agent.agent.values import AgentSettings
from qtopt_agent.cells.cell_file import load_cell
from qtopt_agent.core.cell import EMBEDDED
from qtopt_agent.core.errors import IncompatibleModel, InvalidInput
from qtopt_agent.core.profile import COMPACT
from qtopt_agent.maximizers import CEM
from qtopt_agent.models.folder import sign
from qtopt_agent.models.promotion import promote, roll_back
from qtopt_agent.models.publish import publish
from qtopt_agent.models.signatures import make_key, public_file, read_trusted
from qtopt_agent.models.trial import TrialAbandoned
from qtopt_agent.q_functions import make_q_function


class Running:
    name = "old"


class FakeTrial:
    """Takes or refuses every model, and knows which it was given."""

    def __init__(self, refuse=False):
        self.refuse, self.tried = refuse, []

    def run(self, folder, profile, trusted, abandoned):
        self.tried.append(folder.name)
        if self.refuse:
            raise IncompatibleModel("it crashed")


@pytest.fixture
def core():
    core = AgentCore(COMPACT, AgentSettings(), "agent")
    core.use(Running())
    return core


def test_the_first_model_is_loaded_without_a_trial_and_every_other_after_one(model):
    core, trial = AgentCore(COMPACT, AgentSettings(), "agent"), FakeTrial()
    changes = ModelChanges(core, None, trial)
    assert changes.load(model)["version"] == core.model_version == "untrained"
    assert trial.tried == []
    changes.load(model.parent)
    assert trial.tried == ["untrained"]


def test_of_models_that_take_turns_the_one_that_is_not_in_force_is_tried_and_neither_decides_yet(core, model):
    trial = FakeTrial()
    changes = ModelChanges(core, None, trial)
    assert changes.prepared(model, in_force=True).version == "untrained" and trial.tried == []
    assert changes.prepared(model, in_force=False).version == "untrained" and trial.tried == ["untrained"]
    assert core.model_version == "old"
    narrow = replace(EMBEDDED, camera=replace(EMBEDDED.camera, vertical_view=42.5))
    for in_force in (True, False):
        with pytest.raises(IncompatibleModel, match="another cell"):
            ModelChanges(core, None, trial, narrow).prepared(model, in_force)


def test_a_model_that_fails_its_trial_is_tried_once_and_the_old_one_goes_on(core, model):
    trial = FakeTrial(refuse=True)
    changes = ModelChanges(core, None, trial)
    with pytest.raises(IncompatibleModel, match="it crashed"):
        changes.look(model.parent)
    assert changes.look(model.parent) is None
    assert (trial.tried, core.model_version) == (["untrained"], "old")
    shutil.rmtree(model)
    with pytest.raises(InvalidInput, match="no model"):
        changes.load(model.parent)


def test_the_newest_model_of_a_store_is_taken_once(core, model):
    changes = ModelChanges(core, None, FakeTrial())
    assert changes.look(model.parent)["version"] == core.model_version == "untrained"
    assert changes.look(model.parent) is None


def test_a_broken_manifest_is_told_once_and_hides_no_other_model(core, model):
    (model.parent / "broken").mkdir()
    (model.parent / "broken" / "manifest.json").write_text("{")
    changes = ModelChanges(core, None, FakeTrial())
    with pytest.raises(IncompatibleModel, match=r"broken/manifest\.json"):
        changes.look(model.parent)
    assert changes.look(model.parent)["version"] == "untrained"


def test_an_agent_that_trusts_keys_takes_a_model_once_it_is_signed(core, model, tmp_path):
    make_key(tmp_path / "lab")
    changes = ModelChanges(core, read_trusted(public_file(tmp_path / "lab")), FakeTrial())
    with pytest.raises(IncompatibleModel, match="is not signed"):
        changes.look(model.parent)
    assert core.model_version == "old"
    sign(model, tmp_path / "lab")
    assert changes.look(model.parent)["version"] == core.model_version == "untrained"


def test_a_model_for_another_cell_is_refused_in_numbers_and_one_for_nearly_the_same_is_said(core, model):
    said = []
    narrow = replace(EMBEDDED, camera=replace(EMBEDDED.camera, vertical_view=42.5))
    with pytest.raises(IncompatibleModel, match=r"another cell: .*view of 75.0 degrees, this camera has 42.5"):
        ModelChanges(core, None, FakeTrial(), narrow, said.append).load(model)
    assert (core.model_version, said) == ("old", [])
    near = replace(EMBEDDED, camera=replace(EMBEDDED.camera, position=(0.0, 0.01, 0.105)))
    assert ModelChanges(core, None, FakeTrial(), near, said.append).load(model)["version"] == core.model_version
    assert len(said) == 1 and "slightly different cell" in said[0]


def test_a_newer_model_for_another_cell_is_none_of_the_agents_business(core, model):
    wrist = replace(COMPACT, cell=load_cell("d435_wrist"))
    publish(
        model.parent,
        "wrist",
        wrist,
        make_q_function(wrist),
        CEM(COMPACT.action_space, samples=8, elites=2, iterations=1),
        {},
    )
    changes = ModelChanges(core, None, FakeTrial(), EMBEDDED)
    assert changes.look(model.parent)["version"] == core.model_version == "untrained"
    assert changes.look(model.parent) is None
    assert changes.load(model.parent)["version"] == "untrained"


def test_an_agent_that_ends_does_not_wait_for_a_trial(core, model):
    class Endless:
        began = threading.Event()

        def run(self, folder, profile, trusted, abandoned):
            self.began.set()
            while not abandoned():
                pass
            raise TrialAbandoned("given up")

    changes = ModelChanges(core, None, trial := Endless())
    found = []
    looking = threading.Thread(target=lambda: found.append(changes.look(model.parent)))
    looking.start()
    assert trial.began.wait(10.0)
    changes.end()
    looking.join(10.0)
    assert found == [None] and core.model_version == "old"


def test_an_agent_follows_what_is_promoted_and_rolled_back_rather_than_what_is_newest(core, model):
    store, changes = model.parent, ModelChanges(core, None, FakeTrial())
    cem = CEM(COMPACT.action_space, samples=8, elites=2, iterations=1)
    for version in ("second", "third"):
        publish(store, version, COMPACT, make_q_function(COMPACT), cem, {})
    promote(model, store, "test")
    decided = []
    for change in (lambda: promote(store / "second", store, "test"), lambda: roll_back(store, "test")):
        changes.look(store)
        decided.append(core.model_version)
        change()
    changes.look(store)
    assert [*decided, core.model_version] == ["untrained", "second", "untrained"]
    assert changes.load(store)["version"] == "untrained"


def test_a_model_that_is_in_force_and_gone_is_said_and_the_old_one_goes_on(core, model):
    promote(model, model.parent, "test")
    shutil.rmtree(model)
    with pytest.raises(InvalidInput, match="untrained is in force: there is no such model"):
        ModelChanges(core, None, FakeTrial()).look(model.parent)
    assert core.model_version == "old"
