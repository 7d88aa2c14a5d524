"""A training run becomes a model with the weights that acted, and says how it was made."""

import json
import sys

import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from qtopt_agent.cli.main import app
from qtopt_agent.core.errors import IncompatibleModel, InvalidInput
from qtopt_agent.core.profile import COMPACT, PAPER
from qtopt_agent.learning.preset import load_preset
from qtopt_agent.models.folder import load
from qtopt_agent.q_functions import make_q_function
from qtopt_agent.training.export import export_run, search_at_run_time

pytestmark = pytest.mark.xdist_group("export")  # so that one process makes the run
SETTINGS = ("min_episodes=2", "scripted_episodes=100", "evaluate_episodes=0", "publish_every=1")


@pytest.fixture(scope="module")
def run(tmp_path_factory, one_thread):
    """The smallest training run there is."""
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    arguments = ["train", "--preset", "lowdim", "--out", str(folder), "--steps", "3", "--seed", "4", "--actors", "1"]
    for setting in SETTINGS:
        arguments += ["--set", setting]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["qtopt", *arguments])
        result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    return folder


def test_an_exported_run_is_a_model_with_the_acting_weights(run, tmp_path):
    arguments = f"export --run {run} --version tiny-1 --store {tmp_path} --samples 16 --iterations 2".split()
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    model = tmp_path / "tiny-1"
    assert load(model).name == "tiny-1"
    acting, exported = load_file(run / "acting.safetensors"), load_file(model / "q.safetensors")
    assert exported.keys() == acting.keys()
    assert all(torch.equal(exported[name], value) for name, value in acting.items())


def test_the_manifest_says_how_the_model_was_made(run, tmp_path):
    manifest = json.loads((export_run(run, tmp_path, "tiny", 16, 4, 2) / "manifest.json").read_text())
    assert manifest["maximizer"] == {"name": "cem", "samples": 16, "elites": 4, "iterations": 2}
    training = manifest["training"]
    assert (training["steps"], training["seed"], training["preset"]["profile"]) == (3, 4, "lowdim")
    assert training["episodes"] >= 2
    assert len(training["commands"]) == 1
    assert training["commands"][0].startswith("qtopt train --preset lowdim --out ")


def test_a_run_that_is_not_whole_is_refused(run, tmp_path):
    with pytest.raises(IncompatibleModel, match="no-such"):
        export_run(tmp_path / "no-such", tmp_path, "v", 16, 4, 2)
    (tmp_path / "checkpoint.pt").write_bytes((run / "checkpoint.pt").read_bytes()[:1000])
    with pytest.raises(IncompatibleModel, match=r"checkpoint\.pt"):
        export_run(tmp_path, tmp_path, "v", 16, 4, 2)
    (tmp_path / "checkpoint.pt").write_bytes((run / "checkpoint.pt").read_bytes())
    with pytest.raises(IncompatibleModel, match=r"commands\.txt"):
        export_run(tmp_path, tmp_path, "v", 16, 4, 2)


def test_the_search_of_a_model_is_the_one_asked_for(run, tmp_path):
    folder = export_run(run, tmp_path, "shooting", 16, 4, 2, maximizer="random")
    assert json.loads((folder / "manifest.json").read_text())["maximizer"]["name"] == "random"
    assert load(folder).name == "shooting"


def test_the_papers_network_is_searched_by_what_decides_sooner_unless_one_says_otherwise():
    paper, compact = load_preset("paper"), load_preset("compact")
    ours, usual = make_q_function(PAPER).search, make_q_function(COMPACT).search
    nothing = (None, None, None, None)
    assert search_at_run_time(paper, ours, *nothing) == {"name": "cma_es", "samples": 8, "iterations": 9}
    published = {"name": "cem", "samples": 64, "elites": 6, "iterations": 2}
    assert search_at_run_time(compact, usual, *nothing) == published
    assert search_at_run_time(paper, ours, None, None, None, "cem") == published
    assert search_at_run_time(paper, ours, 32, None, None, None) == published | {"samples": 32}
    assert search_at_run_time(load_preset("dqn"), usual, *nothing)["name"] == "grid"
    assert (paper.maximizer.kind, paper.maximizer.cem_samples) == ("cem", 64), "targets are the paper's"


def test_a_search_that_torchscript_cannot_run_is_refused_by_name(run, tmp_path):
    with pytest.raises(InvalidInput, match="'gradient' does not run in TorchScript"):
        export_run(run, tmp_path, "v", 16, 4, 2, maximizer="gradient")
    assert not list(tmp_path.iterdir())
