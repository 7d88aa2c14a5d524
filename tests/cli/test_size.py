"""qtopt size."""

import json

import pytest
from typer.testing import CliRunner

from qtopt_agent.cli.main import app

runner = CliRunner()


def test_costs_are_measured_and_layouts_come_from_them(tmp_path):
    file = tmp_path / "size.json"
    options = ["--preset", "lowdim", "--seconds", "0.1", "--layout", "robots=3,updaters=4,robot_s=20"]
    result = runner.invoke(app, ["size", *options, "--json", str(file)])
    assert result.exit_code == 0, result.stderr
    found = json.loads(file.read_text())
    costs = found["costs"]
    assert all(costs[name] > 0 for name in ("transitions", "episode_s", "draw_s", "label_s", "step_s"))
    by_name = {each["name"]: each for each in found["layouts"]}
    own = by_name["robots=3,updaters=4,robot_s=20"]
    assert own["episodes_per_s"] == pytest.approx(3 / 20)
    assert by_name["the paper's"]["updaters"] == 1000
    for each in found["layouts"]:
        assert each["steps_per_s"] <= 1.01 * each["trainers"] / costs["step_s"]
        assert each["bottleneck"] in ("collectors", "shards", "updaters", "trainers")
    assert "one learner without Ray" in result.stdout


@pytest.mark.parametrize("layout", ["updaters", "updaters=x", "arms=3", "updaters=-1"])
def test_a_layout_that_is_none_is_named(layout):
    result = runner.invoke(app, ["size", "--preset", "lowdim", "--layout", layout])
    assert result.exit_code == 2 and layout in result.stderr, result.output
