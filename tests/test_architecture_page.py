"""docs/explanation/architecture.md names every room and file, in the order of imports, and its examples run."""

import ast
import importlib.util
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch

import qtopt_agent
from qtopt_agent.core.policy import Decision
from qtopt_agent.core.profile import COMPACT
from qtopt_agent.doctor.files import examine_arm_file
from qtopt_agent.doctor.findings import Severity
from qtopt_agent.episodes.writer import EpisodeWriter
from qtopt_agent.policies.scripted_module import script_policy
from qtopt_agent.q_functions import make_q_function
from qtopt_agent.rollouts.episode_runner import EpisodeRunner

ROOT = Path(__file__).parents[1]
PACKAGE = Path(qtopt_agent.__file__).parent
PAGE = (ROOT / "docs/explanation/architecture.md").read_text()
ROWS = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$", PAGE, re.M))
EXAMPLES = {name: code for name, code in re.findall(r"^\*\*An? (\w+)\*\*.*?^```\w+\n(.*?)^```", PAGE, re.M | re.S)}


@pytest.fixture
def example(tmp_path):
    def load(name: str):
        file = tmp_path / f"example_{name}.py"  # a file, because TorchScript reads the source again
        file.write_text(EXAMPLES[name])
        spec = importlib.util.spec_from_file_location(file.stem, file)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


def test_every_room_is_on_the_page_and_no_other():
    assert set(ROWS) == {folder.name for folder in PACKAGE.iterdir() if (folder / "__init__.py").is_file()}


@pytest.mark.parametrize("room", [room for room in ROWS if room != "cli"])
def test_every_file_of_a_room_is_in_its_row_and_no_other(room):
    files = {path.stem for path in (PACKAGE / room).glob("*.py")} - {"__init__"}
    assert {name for name in re.findall(r"`(\w+)`", ROWS[room]) if not name[0].isupper()} == files


def test_rooms_stand_in_the_order_in_which_they_may_import():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = [set(layer.replace(" ", "").split("|")) for layer in reversed(contracts[0]["layers"])]
    order = list(ROWS)
    assert [next(i for i, layer in enumerate(layers) if room in layer) for room in order] == sorted(
        next(i for i, layer in enumerate(layers) if room in layer) for room in order
    )


def test_every_room_says_what_it_is_for():
    for room in ROWS:
        assert ast.get_docstring(ast.parse((PACKAGE / room / "__init__.py").read_text())), room


def test_a_new_maximiser_can_be_deployed(example):
    maximizer = example("maximiser").Central(COMPACT.action_space, 32)
    policy = script_policy(make_q_function(COMPACT), maximizer, COMPACT)
    image, state = torch.zeros(1, 32, 32, 3, dtype=torch.uint8), torch.zeros(1, 4)
    action, _, _ = policy.act(image, state, 0)
    assert action.shape == (1, 8)


def test_a_new_simulator_runs_an_episode_that_a_new_exporter_writes(example, tmp_path):
    class Down:
        name = "down"

        def decide(self, observation, rng):
            return Decision(np.array([0, 0, -0.02, 0, 1, 0, 0, 0], np.float32))

    runner = EpisodeRunner(example("simulator").EmptyBin(), COMPACT, judge=lambda: False)
    episode = runner.run(Down(), np.random.default_rng(0), seed=0, episode_id="down")
    assert len(episode.steps) == COMPACT.max_steps
    assert episode.final.state[1] == 0

    EpisodeWriter(tmp_path / "episodes").write(episode)
    example("exporter").export_npz(tmp_path / "episodes", tmp_path)
    with np.load(tmp_path / "down.npz") as exported:
        assert exported["actions"].shape == (COMPACT.max_steps, 8)


def test_a_new_arm_is_whole(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(EXAMPLES["arm"])
    assert {finding.severity for finding in examine_arm_file(file)} == {Severity.OK}


def test_a_new_camera_takes_pictures(example):
    camera = example("camera").GreyCamera()
    first, second = camera.read(), camera.read()
    assert first.image.shape == (480, 640, 3)
    assert second.stamp > first.stamp
