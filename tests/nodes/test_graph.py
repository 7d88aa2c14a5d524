"""Launch arguments become nodes, and what makes no sense is refused before anything is started."""

import pytest

pytest.importorskip("yaml")

from typer.testing import CliRunner

from qtopt_agent.cli.main import app
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.nodes.graph import GRAPHS, build
from qtopt_agent.runtime.released import released_models


def graph(name="grasp", **given):
    return {node.name: node for node in build(name, {"model": "models", **given})}


def test_in_simulation_the_simulator_is_arm_camera_and_judge():
    nodes = graph(simulator="mujoco")
    assert nodes.keys() == {"simulator", "arm_driver", "stop_guard", "agent"}
    assert nodes["agent"].parameters["judge"] == "/simulator/judge"
    assert nodes["arm_driver"].parameter_files[0].name == "mujoco.yaml"


def test_a_real_arm_has_a_camera_and_a_success_detector_and_is_armed_by_a_person():
    nodes = graph(arm="ur_servo", camera="v4l2")
    assert nodes.keys() == {"camera", "arm_driver", "stop_guard", "agent", "success_detector"}
    assert not nodes["arm_driver"].parameters["arm_on_start"]
    with pytest.raises(InvalidInput, match="simulators only"):
        graph(arm="ur_servo", arm_on_start="true")


def test_a_released_model_goes_by_its_name():
    assert graph(model="compact-1")["agent"].parameters["model"] == str(released_models() / "compact-1")
    with pytest.raises(InvalidInput, match="compact-9 is not a model"):
        graph(model="compact-9")


def test_recording_and_training_are_added_where_asked():
    nodes = graph(simulator="mujoco", record="e", train="true")
    assert {"episode_logger", "trainer"} <= nodes.keys()
    assert nodes["trainer"].parameters["episodes"] == nodes["episode_logger"].parameters["folder"] == "e"
    with pytest.raises(InvalidInput, match="record"):
        graph(simulator="mujoco", train="true")


def test_collecting_records_grasp_after_grasp():
    nodes = graph("collect", simulator="mujoco", grasps="7")
    assert nodes["attempts"].parameters["count"] == 7 and "episode_logger" in nodes


def test_simulated_time_is_for_all_but_the_one_that_makes_it():
    nodes = graph(simulator="mujoco", clock="true")
    assert {name for name, node in nodes.items() if node.parameters.get("use_sim_time")} == nodes.keys() - {"simulator"}
    assert nodes["simulator"].parameters["clock"]


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"simulator": "bullet"}, "simulator"),
        ({"nonsense": "1"}, "nonsense"),
        ({"simulator": "mujoco", "clutter": "many"}, "clutter"),
        ({"simulator": "mujoco", "grasps": "x"}, "grasps"),
        ({"arm": "no_such_arm"}, "no_such_arm"),
        ({"arm": "generic", "result": "/nowhere/result.json"}, "/nowhere/result.json"),
        ({"arm": "generic", "params": "missing.yaml"}, "missing.yaml"),
        ({"arm": "generic", "train": "true", "record": "x", "trusted_keys": "keys"}, "signs nothing"),
    ],
)
def test_a_bad_argument_is_refused_by_name(given, named):
    with pytest.raises(InvalidInput, match=named):
        graph(**given)


def test_an_episode_to_replay_has_to_be_there(tmp_path):
    with pytest.raises(InvalidInput, match="episode"):
        build("replay", {"episode": str(tmp_path / "none")})
    assert build("replay", {"episode": str(tmp_path)})[0].name == "replay"


@pytest.mark.parametrize("name", GRAPHS)
def test_every_argument_is_described(name):
    said = CliRunner().invoke(app, ["launch", name, "--show-args"])
    assert said.exit_code == 0
    assert all(argument.name in said.output and argument.description for argument in GRAPHS[name][1])


def test_a_word_that_is_no_argument_is_refused():
    said = CliRunner().invoke(app, ["launch", "grasp", "simulator=mujoco"])
    assert said.exit_code == 2 and "name:=value" in said.output
