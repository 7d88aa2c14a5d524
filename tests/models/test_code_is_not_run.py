"""A model brings numbers: code in its policy.pt stays where it is until somebody asks for that file by name."""

import hashlib
import json
import re
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

import qtopt_agent
from qtopt_agent.agent.agent_core import AgentCore
from qtopt_agent.agent.model_changes import ModelChanges
from qtopt_agent.agent.values import AgentSettings
from qtopt_agent.cli.main import app
from qtopt_agent.core.profile import COMPACT
from qtopt_agent.models.folder import load, load_policy_pt, verify

PACKAGE = Path(qtopt_agent.__file__).parent


@pytest.fixture
def trap(model, tmp_path):
    """A model, whole by its manifest, whose policy.pt writes a file when it is loaded."""
    written = tmp_path / "written"

    class Trap(torch.nn.Module):
        def __init__(self, path: str) -> None:
            super().__init__()
            self.path = path

        @torch.jit.export
        def __getstate__(self) -> tuple[str, bool]:
            return self.path, self.training

        @torch.jit.export
        def __setstate__(self, state: tuple[str, bool]) -> None:
            self.path = state[0]
            self.training = state[1]
            torch.save([torch.zeros(1)], self.path)

        def forward(self) -> int:
            return 0

    torch.jit.script(Trap(str(written))).save(str(model / "policy.pt"))
    manifest = json.loads((model / "manifest.json").read_text())
    manifest["sha256"]["policy.pt"] = hashlib.sha256((model / "policy.pt").read_bytes()).hexdigest()
    (model / "manifest.json").write_text(json.dumps(manifest))
    return model, written


def test_nothing_that_takes_a_model_runs_its_code(trap):
    model, written = trap
    verify(model)
    load(model)
    for command in (
        ["models", "list", str(model.parent)],
        ["models", "verify", str(model)],
        ["evaluate", "--model", str(model), "--episodes", "1", "--workers", "1"],
    ):
        done = CliRunner().invoke(app, command)
        assert done.exit_code == 0, done.output
    assert not written.exists()


def test_an_agent_that_watches_a_store_decides_with_its_numbers(trap):
    model, written = trap

    class Running:
        name = "old"

    core = AgentCore(COMPACT, AgentSettings(), "agent")
    core.use(Running())
    changes = ModelChanges(core)
    assert changes.look(model.parent)["version"] == core.model_version == "untrained"
    assert not written.exists()


def test_asked_for_by_name_it_runs(trap):
    """So the trap is one."""
    model, written = trap
    with pytest.raises(Exception, match=r"policy\.pt"):
        load_policy_pt(model)
    assert written.exists()


def test_one_file_alone_touches_torch_jit():
    touches = r"torch\.jit\b(?!\.is_scripting)"  # which only asks what a line is compiled for
    users = [path.name for path in PACKAGE.rglob("*.py") if re.search(touches, path.read_text())]
    assert users == ["scripted_module.py"]
