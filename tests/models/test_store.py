"""A model is published whole or not at all, and nothing that does not fit its manifest is loaded."""

import json
import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from qtopt_agent.cells.cell_file import load_cell
from qtopt_agent.core.cell import EMBEDDED
from qtopt_agent.core.errors import IncompatibleModel, InvalidInput
from qtopt_agent.core.observation import Observation
from qtopt_agent.core.profile import COMPACT, LOWDIM
from qtopt_agent.maximizers import CEM
from qtopt_agent.models import folder, opened
from qtopt_agent.models.folder import describe, load, record_evaluation, verify
from qtopt_agent.models.publish import publish
from qtopt_agent.models.store import latest, list_models, model_in
from qtopt_agent.q_functions import make_q_function

RELEASED = Path(__file__).parents[2] / "models" / "compact-1"
CEM_SMALL = CEM(COMPACT.action_space, samples=8, elites=2, iterations=1)


EVALUATION = {
    "episodes": 10,
    "successes": 9,
    "success": 0.9,
    "wilson_low": 0.6,
    "wilson_high": 0.98,
    "objects": "held-out",
    "clutter": [1, 5],
}


def edit(model, **changes):
    manifest = json.loads((model / "manifest.json").read_text())
    (model / "manifest.json").write_text(json.dumps(manifest | changes))


def test_a_published_model_decides_and_carries_its_version(model):
    policy = load(model)
    state = np.array([0.08, 0.2, 0, 0], np.float32)
    decision = policy.decide(Observation(np.full((32, 32, 3), 90, np.uint8), state, 0.0), np.random.default_rng(0))
    assert policy.name == "untrained"
    np.testing.assert_allclose(COMPACT.action_space.project(decision.action), decision.action, atol=1e-6)
    assert 0 <= decision.q <= 1


def test_the_weights_beside_the_policy_are_the_networks(model):
    weights = load_file(model / "q.safetensors")
    expected = make_q_function(COMPACT, seed=3).state_dict()
    assert weights.keys() == expected.keys()
    assert all(torch.equal(weights[name], value) for name, value in expected.items())


def test_whoever_may_read_the_manifest_may_read_the_other_files(model):
    assert len({path.stat().st_mode for path in model.iterdir()}) == 1


@pytest.mark.parametrize("name", ["policy.pt", "q.safetensors"])
def test_one_changed_byte_is_found_before_anything_is_loaded(model, name, monkeypatch):
    for module, read in ((folder, "load_policy"), (opened, "parse_weights")):
        monkeypatch.setattr(module, read, lambda *_, **__: pytest.fail("read an unchecked file"))
    content = bytearray((model / name).read_bytes())
    content[len(content) // 2] ^= 1
    (model / name).write_bytes(content)
    with pytest.raises(IncompatibleModel, match=f"{name}: sha256 is"):
        load(model)


@pytest.mark.parametrize("name", ["policy.pt", "q.safetensors", "manifest.json"])
def test_a_missing_file_is_named(model, name):
    (model / name).unlink()
    with pytest.raises(IncompatibleModel, match=name):
        verify(model)


def test_a_specification_that_differs_is_named_with_both_values(model):
    specification = describe(model)["specification"] | {"image_size": [64, 64]}
    edit(model, specification=specification)
    with pytest.raises(IncompatibleModel, match=r"image_size is \[64, 64\], profile compact has \[32, 32\]"):
        load(model)


@pytest.mark.parametrize("other", [b"", b"{", b"\xff", b"[1]", b'{"format": 3, "format": 3}'])
def test_a_broken_manifest_is_listed_with_its_reason_and_hides_no_other_model(model, other):
    broken = model.parent / "broken"
    broken.mkdir()
    (broken / "manifest.json").write_bytes(other)
    first, second = list_models(model.parent)
    assert first.manifest is None and "manifest.json" in first.reason
    assert second.folder == latest(model.parent) == model


def test_a_model_in_a_folder_of_another_name_is_refused(model):
    renamed = model.rename(model.parent / "compact-9")
    with pytest.raises(IncompatibleModel, match="version is untrained, the folder's is compact-9"):
        describe(renamed)
    (link := renamed.parent / "newest").symlink_to(model.name)
    renamed.rename(model)
    assert load(link).name == "untrained"  # a link is another way to the folder, not another folder


@pytest.mark.parametrize("name", ["policy.pt", "q.safetensors", "manifest.json"])
def test_what_is_no_ordinary_file_is_not_read(model, name):
    (model / name).unlink()
    os.mkfifo(model / name)
    with pytest.raises(IncompatibleModel, match=f"{name} is no ordinary file"):
        load(model)
    (model / name).unlink()
    (model / name).symlink_to("/dev/zero")
    with pytest.raises(IncompatibleModel, match=f"{name} is no ordinary file"):
        load(model)


def test_a_file_that_is_too_long_is_not_read_to_its_end(model):
    with (model / "q.safetensors").open("r+b") as file:
        file.truncate(10**11)
    with pytest.raises(IncompatibleModel, match=r"q\.safetensors has more than \d+ bytes"):
        load(model)


def test_a_search_that_the_manifest_cannot_describe_is_not_published(tmp_path):
    class NeverUp(torch.nn.Module):
        def forward(self, actions: torch.Tensor) -> torch.Tensor:
            return torch.cat([actions[..., :2], actions[..., 2:3].clamp(max=-0.05), actions[..., 3:]], -1)

    search = CEM(COMPACT.action_space, samples=8, elites=2, iterations=1, projection=NeverUp())
    with pytest.raises(IncompatibleModel, match="parts that a manifest has no field for"):
        publish(tmp_path, "bad", COMPACT, make_q_function(COMPACT), search, {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("field", "changes", "complaint"),
    [
        ("maximizer", {"elites": 9}, "8 samples, 9 elites"),
        ("network", {"parameters": 7}, "network.parameters is 7, this network has"),
        ("network", {"aux_size": 3}, "network.parameters is|has no tensor auxiliary"),
        ("network", {"kind": "quantile", "risk": "no-such"}, "no-such"),
        ("network", {"kind": "naf"}, "network.parameters is"),
    ],
)
def test_a_manifest_whose_parts_do_not_fit_each_other_is_refused(model, field, changes, complaint):
    edit(model, **{field: describe(model)[field] | changes})
    with pytest.raises(IncompatibleModel, match=complaint):
        verify(model)


def test_an_evaluation_that_is_none_is_not_recorded(model):
    before = (model / "manifest.json").read_bytes()
    for change in ({"success": math.nan}, {"episodes": 8}, {"objects": "\x1b[31m"}, {"clutter": [1]}):
        with pytest.raises(IncompatibleModel, match=r"manifest\.json"):
            record_evaluation(model, EVALUATION | change)
    assert (model / "manifest.json").read_bytes() == before


def test_a_model_of_another_profile_is_refused(model):
    with pytest.raises(IncompatibleModel, match="is of profile compact, expected lowdim"):
        load(model, LOWDIM)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"format": 5}, "format is 5, expected a whole number from 1 to 4"),
        ({"maximizer": None}, "maximizer is None, expected an object"),
        ({"sha256": None}, "sha256 is None, expected an object"),
        ({"version": 7}, "version is 7, expected letters"),
        ({"profile": "no-such"}, "unknown profile 'no-such'"),
    ],
)
def test_a_manifest_of_another_kind_is_refused_naming_the_field(model, changes, complaint):
    edit(model, **changes)
    with pytest.raises((IncompatibleModel, InvalidInput), match=complaint):
        verify(model)


@pytest.mark.parametrize("text", ["", "{", "[]", "\x00"])
def test_a_manifest_that_is_not_one_is_refused(model, text):
    (model / "manifest.json").write_text(text)
    with pytest.raises(IncompatibleModel, match=r"manifest\.json"):
        describe(model)


def test_a_model_that_returns_nan_is_not_published(tmp_path):
    q = make_q_function(COMPACT)
    with torch.no_grad():
        next(q.parameters()).fill_(math.nan)
    with pytest.raises((IncompatibleModel, InvalidInput), match="finite"):
        publish(tmp_path, "bad", COMPACT, q, CEM_SMALL, {})
    assert list(tmp_path.iterdir()) == []


def test_a_version_is_never_overwritten(model):
    with pytest.raises(InvalidInput, match="exists already"):
        publish(model.parent, model.name, COMPACT, make_q_function(COMPACT), CEM_SMALL, {})
    load(model)


@pytest.mark.parametrize("version", ["", ".", "..", "a/b", "/tmp/x", ".hidden"])
def test_a_version_cannot_name_a_place_outside_the_store(tmp_path, version):
    with pytest.raises(InvalidInput, match="plain folder name"):
        publish(tmp_path, version, COMPACT, make_q_function(COMPACT), CEM_SMALL, {})


def test_the_latest_model_is_the_newest_not_the_last_by_name(model):
    older = publish(model.parent, "z-older", COMPACT, make_q_function(COMPACT), CEM_SMALL, {})
    edit(older, created="2001-01-01T00:00:00+00:00")
    assert [each.folder for each in list_models(model.parent)] == [older, model]
    assert latest(model.parent) == model_in(model.parent) == model_in(model) == model


def test_the_latest_model_for_a_cell_is_none_that_was_trained_for_another(model):
    wrist = replace(COMPACT, cell=load_cell("d435_wrist"))
    newer = publish(model.parent, "wrist", wrist, make_q_function(wrist), CEM_SMALL, {})
    assert latest(model.parent) == latest(model.parent, wrist.cell) == newer
    assert latest(model.parent, EMBEDDED) == model_in(model.parent, EMBEDDED) == model
    with pytest.raises(InvalidInput, match=r"no model in .*: untrained, wrist are for other cells"):
        latest(model.parent, load_cell("shoulder"))


def test_half_published_models_are_not_listed(model):
    model.rename(model.parent / ".partial-untrained-1")
    with pytest.raises(InvalidInput, match="no model"):
        latest(model.parent)


def test_a_recorded_evaluation_joins_the_manifest_and_leaves_the_model_valid(model):
    record_evaluation(model, EVALUATION)
    record_evaluation(model, EVALUATION | {"episodes": 20, "successes": 19})
    assert [result["successes"] for result in verify(model)["evaluations"]] == [9, 19]


def test_a_manifest_of_the_first_format_is_still_read(model):
    manifest = describe(model)
    del manifest["maximizer"], manifest["cell"]
    for field in ("kind", "risk", "risk_level"):
        del manifest["network"][field]
    (model / "manifest.json").write_text(json.dumps(manifest))
    edit(model, format=1, camera="wrist", cem={"samples": 8, "elites": 2, "iterations": 1})
    assert load(model).name == "untrained"
    edit(model, cem=None)
    with pytest.raises(IncompatibleModel, match="cem is None, expected an object"):
        load(model)


def test_the_released_model_loads():
    state = np.array([0.08, 0.2, 0, 0], np.float32)
    observation = Observation(np.full((32, 32, 3), 90, np.uint8), state, 0.0)
    assert describe(RELEASED)["format"] == 1
    assert 0 <= load(RELEASED).decide(observation, np.random.default_rng(0)).q <= 1


def test_evaluations_recorded_at_the_same_time_are_all_kept(model):
    before = len(describe(model)["evaluations"])
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda seed: record_evaluation(model, EVALUATION | {"seed": seed}), range(40)))
    recorded = describe(model)["evaluations"][before:]
    assert sorted(each["seed"] for each in recorded) == list(range(40))
