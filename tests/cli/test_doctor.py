"""qtopt doctor says what is wrong and ends with 1."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from qtopt_agent.cli.main import app

ARMS = Path(__file__).parents[2] / "ros2_ws/src/qtopt_agent/config/arms"


def run(*arguments):
    return CliRunner().invoke(app, ["doctor", *map(str, arguments)])


def test_a_good_arm_file_is_said_to_be_good():
    result = run("--arm", ARMS / "mujoco.yaml")
    assert result.exit_code == 0 and "all valid" in result.output


def test_an_arm_without_a_workspace_is_an_error_with_advice():
    result = run("--arm", ARMS / "ur_servo.yaml")
    assert result.exit_code == 1
    assert "workspace.low is missing" in result.output and "->" in result.output


def test_an_arm_and_a_model_go_by_their_names_as_well():
    result = run("--arm", "mujoco", "--model", "compact-1")
    assert result.exit_code == 0 and "mujoco.yaml" in result.output and "compact-1" in result.output


def test_a_model_is_held_against_the_camera(model):
    assert run("--model", model, "--camera", "640x480").exit_code == 0
    result = run("--model", model, "--camera", "24x24", "--json", "-")
    assert result.exit_code == 1
    assert [finding["severity"] for finding in json.loads(result.output)] == ["OK", "ERROR"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--seconds", "0"),
        ("--model", "x"),
        ("--arm", "x"),
        ("--camera", "640x480"),
        *[("--model", "compact-1", "--camera", size) for size in ("big", "0x480", "640x", "99999x1", "640x480\n")],
    ],
)
def test_nonsense_ends_with_2(arguments):
    assert run(*arguments).exit_code == 2
