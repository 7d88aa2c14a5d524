"""`simulator:=gazebo` makes the same graph with another simulator, for ROS 2 only."""

from pathlib import Path

import pytest

pytest.importorskip("yaml")

from typer.testing import CliRunner

from qtopt_agent.cli.main import app
from qtopt_agent.graph.description import build

MODELS = Path(__file__).parents[2] / "models"


def graph(**given: str) -> dict:
    return {node.name: node for node in build("grasp", {"model": str(MODELS), "simulator": "gazebo", **given})}


def test_gazebo_takes_the_place_of_the_embedded_simulator() -> None:
    nodes = graph(objects="train", clutter="1-3", grasps="5")
    assert nodes.keys() == {"gazebo", "arm_driver", "stop_guard", "agent", "attempts"}
    assert nodes["gazebo"].parameters.items() >= {"objects": "train", "clutter": [1, 3], "base_frame": "world"}.items()
    assert nodes["agent"].parameters["judge"] == "simulator/judge"
    assert nodes["arm_driver"].parameters["gripper.time"] == 0.5


def test_all_go_by_its_clock() -> None:
    nodes = graph(record="episodes")
    assert {name for name, node in nodes.items() if node.parameters.get("use_sim_time")} == nodes.keys() - {"gazebo"}


def test_without_ros_2_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qtopt_agent.standalone.hooks.ros_is_installed", lambda: False)
    said = CliRunner().invoke(app, ["launch", "grasp", "simulator:=gazebo"])
    assert said.exit_code == 2 and "needs ROS 2" in said.stderr
