"""The comparison of algorithms, with budgets that teach nothing."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.algorithms.studies import BASE, STUDIES
from benchmarks.algorithms.tasks import PENDULUM_DISCOUNT, TASKS
from benchmarks.algorithms.two_modes import BROAD_DISTANCE, HIGHER_MODE, NARROW_DISTANCE, TwoModes, height
from qtopt_agent.core.nested_settings import by_full_name
from qtopt_agent.learning.preset import SETTINGS, Preset, load_preset

pytestmark = pytest.mark.usefixtures("unmeasured")
ROOT = Path(__file__).parents[2]
DIRECTION = np.array([0.6, 0.8])


def _bench(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.algorithms", "--share", "0.001", "--seeds", "1", "--workers", "2"]
    return subprocess.run([*command, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, timeout=900)


def test_the_higher_hill_is_the_narrow_one_and_uphill_from_the_middle_leads_to_the_lower() -> None:
    assert height(DIRECTION, NARROW_DISTANCE * DIRECTION) == pytest.approx(1.0)
    assert height(DIRECTION, -BROAD_DISTANCE * DIRECTION) == pytest.approx(0.5)
    action, step = np.zeros(2), 1e-3
    for _ in range(5000):
        slope = [height(DIRECTION, action + d) - height(DIRECTION, action - d) for d in step * np.eye(2)]
        action = action + 0.02 * np.array(slope) / step
    np.testing.assert_allclose(action, -BROAD_DISTANCE * DIRECTION, atol=1e-2)


def test_success_on_two_modes_is_being_on_the_higher_hill() -> None:
    environment = TwoModes()
    for distance, success in ((NARROW_DISTANCE, True), (-BROAD_DISTANCE, False)):
        direction, _ = environment.reset(seed=3)
        _, reward, terminated, _, info = environment.step(distance * direction)
        assert terminated and info["success"] is success and (reward > HIGHER_MODE) is success


@pytest.mark.parametrize("torque", [-2.0, 2.0])
def test_rescaled_returns_of_pendulum_are_within_0_and_1(torque: float) -> None:
    environment = TASKS["pendulum"].rescaled("train")
    environment.reset(seed=0)
    rewards = [environment.step(np.array([torque], np.float32))[1] for _ in range(200)]
    assert min(rewards) >= 0 and max(rewards) / (1 - PENDULUM_DISCOUNT) <= 1


def _changed(one: Preset, two: Preset) -> set[str]:
    """Names of the settings that differ."""
    return {name for name, value in one.settings().items() if two.settings()[name] != value}


def test_a_task_leaves_the_algorithm_as_the_preset_has_it() -> None:
    compact = load_preset("compact")
    assert _changed(compact, TASKS["grasp"].settings(compact)) == {"loss.auxiliary_weight", "maximizer.grid_levels"}


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_changes_only_what_it_says_and_has_a_place_in_the_docs(name: str) -> None:
    base = TASKS["grasp"].settings(load_preset(BASE))
    for algorithm in STUDIES[name].algorithms[1:]:
        settings = algorithm.split("+")[1:]
        changed = TASKS["grasp"].settings(load_preset(BASE).override(settings))
        said = dict(setting.split("=") for setting in settings)
        assert _changed(base, changed) == set(by_full_name(said, SETTINGS))
    pages = [page.read_text(encoding="utf-8") for page in (ROOT / "docs/algorithms").glob("*.md")]
    assert sum(f"<!-- measured: {name} -->" in page for page in pages) == 1


def test_runs_are_measured_once_and_the_report_has_them_all(tmp_path: Path) -> None:
    only = "(two-modes|grasp)-(compact|sb3-td3)-"
    first = _bench(
        "--out", tmp_path / "runs", "--objects", "validation", "--only", only, "--json", tmp_path / "all.json"
    )
    assert first.returncode == 0, first.stderr
    algorithms = {"compact"}
    if importlib.util.find_spec("stable_baselines3") is None:
        assert "STABLE-BASELINES3 IS NOT INSTALLED" in first.stderr
    else:
        algorithms.add("sb3-td3")
    summary = json.loads((tmp_path / "all.json").read_text())
    assert {(s["task"], s["algorithm"]) for s in summary} == {
        (t, a) for t in ("two-modes", "grasp") for a in algorithms
    }
    assert "| compact | " in first.stdout
    files = {path: path.read_bytes() for path in (tmp_path / "runs").iterdir()}
    again = _bench("--out", tmp_path / "runs", "--objects", "validation", "--only", only)
    assert again.returncode == 0 and again.stdout == first.stdout
    assert files == {path: path.read_bytes() for path in (tmp_path / "runs").iterdir()}
    other = _bench("--out", tmp_path / "runs", "--objects", "train", "--only", only)
    assert other.returncode == 2 and "choose another --out" in other.stderr


def test_a_run_that_fails_is_told_and_leaves_the_others_alone(tmp_path: Path) -> None:
    done = _bench("--out", tmp_path, "--objects", "no-such-objects", "--only", "(two-modes|grasp)-lowdim-")
    assert done.returncode == 1 and "grasp-lowdim-0 failed" in done.stderr and "no-such-objects" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["two-modes-lowdim-0.json"]
