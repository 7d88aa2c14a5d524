"""Launch arguments become nodes, and what makes no sense is refused before anything is started."""

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("yaml")

import yaml
from typer.testing import CliRunner

from qtopt_agent.cells.cell_file import write_cell
from qtopt_agent.cli.main import app
from qtopt_agent.core.cell import EMBEDDED
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.graph import settings, topics
from qtopt_agent.graph.description import GRAPHS, build, shared
from qtopt_agent.models.released import released_models
from qtopt_agent.safety.arm_profile import ARM_PARAMETERS, arm_profile, read_parameters

MODELS = Path(__file__).parents[2] / "models"
BOX = {"workspace": {"low": [-0.2, -0.2, 0.0], "high": [0.2, 0.2, 0.3]}}


def graph(name="grasp", **given):
    return {node.name: node for node in build(name, {"model": str(MODELS), **given})}


@pytest.fixture
def params(tmp_path):
    """A function that makes a parameter file of `settings` for all nodes, or by node, and returns its path."""

    def make(settings, **by_node):
        file = tmp_path / "params.yaml"
        content = {"/**": settings, **{f"/{name}": each for name, each in by_node.items()}}
        file.write_text(yaml.safe_dump({name: {"ros__parameters": each} for name, each in content.items()}))
        return str(file)

    return make


def test_in_simulation_the_simulator_is_arm_camera_and_judge():
    nodes = graph(simulator="mujoco")
    assert nodes.keys() == {"simulator", "arm_driver", "stop_guard", "agent"}
    assert nodes["agent"].parameters["judge"] == "simulator/judge"
    assert nodes["arm_driver"].parameters["output.topic"] == "arm/target_pose"


def test_a_simulator_has_any_cell_and_its_arm_the_same(tmp_path):
    jaw = replace(EMBEDDED.jaw, aperture=0.06)
    cell = replace(EMBEDDED, jaw=jaw, workspace=replace(EMBEDDED.workspace, high=(0.1, 0.1, 0.22)))
    write_cell(cell, file := tmp_path / "mine.yaml", "Mine.")
    nodes = graph(simulator="mujoco", cell=str(file))
    assert {nodes[name].parameters["cell"] for name in ("simulator", "agent", "arm_driver", "stop_guard")} == {
        str(file)
    }
    driver = {name: nodes["arm_driver"].parameters[name] for name in (each.name for each in ARM_PARAMETERS)}
    profile = arm_profile(driver)
    assert profile.driver.step.workspace.high == (0.1, 0.1, 0.22)
    assert (profile.gripper.open_position, profile.gripper.open_aperture) == (0.03, 0.06)
    assert graph(simulator="mujoco", cell="d435_wrist")["simulator"].parameters["cell"] == "d435_wrist"
    assert graph(simulator="mujoco")["simulator"].parameters["cell"] == "embedded"
    with pytest.raises(InvalidInput, match="cell is 'd435_wrist': for simulator:=mujoco only"):
        graph(arm="ur_servo", cell="d435_wrist")


def test_a_real_arm_has_a_camera_and_a_success_detector_and_is_armed_by_a_person(params):
    nodes = graph(arm="ur_servo", camera="v4l2", params=params(BOX))
    assert nodes.keys() == {"camera", "arm_driver", "stop_guard", "agent", "success_detector"}
    assert not nodes["arm_driver"].parameters["arm_on_start"]
    with pytest.raises(InvalidInput, match="simulators only"):
        graph(arm="ur_servo", arm_on_start="true", params=params(BOX))
    with pytest.raises(InvalidInput, match="simulators only"):
        graph(arm="ur_servo", params=params({**BOX, "arm_on_start": True}))


@pytest.mark.parametrize(("twin", "servo"), [("panda", ""), ("ur5e", "servo_node")])
def test_a_twin_is_a_real_arm_with_a_cell_for_all_but_the_one_that_moves_it(twin, servo):
    nodes = graph(twin=twin, objects="test", clutter="2-4", seed="7")
    assert nodes.keys() == {"twin", "arm_driver", "stop_guard", "agent", "success_detector"}
    assert nodes["agent"].parameters["judge"] == "success_detector/judge"
    driver = nodes["arm_driver"].parameters
    assert Path(driver["cell"]).is_file() and driver["output.servo"] == servo
    assert {driver["cell"]} == {nodes[name].parameters["cell"] for name in ("twin", "agent", "stop_guard")}
    assert {node.parameters["image_topic"] for node in nodes.values() if "image_topic" in node.parameters} == {
        "camera/color/image_raw"
    }
    told = nodes["twin"].parameters
    assert (told["twin"], told["objects"], told["clutter"], told["seed"]) == (twin, "test", [2, 4], 7)
    with pytest.raises(InvalidInput, match="twin is 'panda', simulator is 'mujoco'"):
        graph(twin="panda", simulator="mujoco")


def test_a_released_model_goes_by_its_name():
    assert graph(simulator="mujoco", model="compact-1")["agent"].parameters["model"] == str(
        released_models() / "compact-1"
    )
    with pytest.raises(InvalidInput, match="compact-9 is not a model"):
        graph(model="compact-9")


def test_a_script_decides_without_a_model_and_a_model_explores_as_told(tmp_path):
    told = graph(simulator="mujoco", policy="blobs", model=str(tmp_path))["agent"].parameters
    assert told["policy"] == "blobs" and told["cell"] == "embedded"
    told = graph(simulator="mujoco", epsilon="0.1", noise="0.05")["agent"].parameters
    assert (told["policy"], told["epsilon"], told["noise"]) == ("model", 0.1, 0.05)
    with pytest.raises(InvalidInput, match="model"):
        graph(simulator="mujoco", model=str(tmp_path))
    with pytest.raises(InvalidInput, match="policy is 'luck'"):
        graph(simulator="mujoco", policy="luck")


def test_recording_and_training_are_added_where_asked():
    nodes = graph(simulator="mujoco", record="e", train="true")
    assert {"episode_logger", "trainer"} <= nodes.keys()
    trainer, agent = nodes["trainer"].parameters, nodes["agent"].parameters
    assert trainer["episodes"] == nodes["episode_logger"].parameters["folder"] == "e"
    assert trainer["model"] == agent["model"] and trainer["candidates"] == "candidates"
    with pytest.raises(InvalidInput, match="record"):
        graph(simulator="mujoco", train="true")


def test_collecting_records_grasp_after_grasp():
    nodes = graph("collect", simulator="mujoco", grasps="7")
    assert nodes["attempts"].parameters["count"] == 7 and "episode_logger" in nodes


CELL = {"cell": "d405_wrist"}


def test_on_an_arm_grasp_after_grasp_is_the_cycle_which_knows_the_arm_and_waits_for_others(params):
    nodes = graph(arm="ur_servo", camera="v4l2", grasps="7", record="e", params=params({**BOX, **CELL}))
    assert "attempts" not in nodes
    cycle, driver = nodes["cycle"].parameters, nodes["arm_driver"].parameters
    assert cycle["count"] == 7 and cycle["recording"]
    assert all(cycle[name] == driver[name] for name in ("workspace.low", "limits.speed", "gripper.name", "cell"))
    assert {name for name, node in nodes.items() if node.respawn} == {
        "arm_driver", "agent", "camera", "success_detector", "episode_logger"
    }  # fmt: skip


def test_the_cycle_needs_a_cell_that_somebody_has_measured(params):
    with pytest.raises(InvalidInput, match="grasps is 7, but the arm has no cell"):
        graph(arm="generic", camera="v4l2", grasps="7", params=params({**BOX, "cell": ""}))
    with pytest.raises(InvalidInput, match=r"grasps is 7, but the cell is d435_wrist, as shipped with generic\.yaml"):
        graph(arm="generic", camera="v4l2", grasps="7", params=params(BOX))


def test_a_rehearsal_is_an_arm_that_nobody_resets_or_asks():
    nodes = graph(simulator="mujoco", rehearse="true", grasps="7", cell="d435_wrist", truth="t.jsonl")
    assert nodes.keys() == {"simulator", "arm_driver", "stop_guard", "agent", "success_detector", "cycle"}
    assert nodes["agent"].parameters["judge"] == "success_detector/judge"
    world = nodes["simulator"].parameters
    assert world["rehearse"] and world["truth"] == "t.jsonl" and world["clutter"] == [5, 5]
    assert nodes["cycle"].parameters["cell"] == world["cell"] == "d435_wrist"
    assert graph(simulator="mujoco")["simulator"].parameters["clutter"] == [1, 1]


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
        ({"arm": "generic"}, r"workspace\.low is missing"),
        ({"simulator": "mujoco", "model": "no_such_model"}, "no_such_model"),
        ({"simulator": "mujoco", "model": str(Path(__file__).parent)}, "tests/graph.*model:=FOLDER"),
        ({"simulator": "gazebo", "rehearse": "true"}, "rehearse is true, simulator is 'gazebo'"),
        ({"simulator": "mujoco", "truth": "t.jsonl"}, "truth is 't.jsonl': for rehearse:=true only"),
        ({"arm": "generic", "camera": "folder"}, "camera_device is empty"),
        ({"simulator": "mujoco", "namespace": "no good"}, "namespace is 'no good'"),
    ],
)
def test_a_bad_argument_is_refused_by_name(given, named):
    with pytest.raises(InvalidInput, match=named):
        graph(**given)


def _number_of(parameter):
    default = parameter.default[0] if isinstance(parameter.default, list) else parameter.default
    return default if isinstance(default, (int, float)) and not isinstance(default, bool) else None


def test_every_number_that_a_node_takes_has_a_range():
    for parameter in itertools.chain(*settings.NODES.values()):
        if (number := _number_of(parameter)) is not None:
            assert parameter.low is not None and parameter.low <= number <= parameter.high, parameter


@pytest.mark.parametrize("speed", ["nan", "inf", "-1", "1e400"])
def test_numbers_are_finite_and_in_their_range(speed):
    with pytest.raises(InvalidInput, match=r"speed is .*, expected 0\.01 to 100"):
        graph(simulator="mujoco", speed=speed)


@pytest.mark.parametrize("low", [[float("nan"), 0.0, 0.0], [-99.0, 0.0, 0.0]])
def test_numbers_in_a_list_are_held_to_their_range_too(low, params):
    with pytest.raises(InvalidInput, match=r"workspace\.low is .*, expected -10 to 10"):
        graph(simulator="mujoco", params=params({"workspace": {"low": low}}))


def test_a_path_in_an_argument_or_a_file_may_begin_with_the_home_folder(params, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    params({})
    nodes = graph(simulator="mujoco", record="~/episodes", objects="~/meshes", params="~/params.yaml")
    assert nodes["episode_logger"].parameters["folder"] == str(tmp_path / "episodes")
    assert nodes["simulator"].parameters["objects"] == str(tmp_path / "meshes")
    told = graph(simulator="mujoco", record="x", params=params({"folder": "~/elsewhere"}))
    assert told["episode_logger"].parameters["folder"] == str(tmp_path / "elsewhere")


def test_the_users_file_is_read_last_by_every_node(params):
    """What a launch file sets, and what is in the arm's profile, are defaults."""
    file = params(
        {**BOX, "floor_height": 0.42, "image_topic": "/wrist/image", "judge": "/my/judge"}, arm_driver={"rate": 60}
    )
    nodes = graph(arm="generic", params=file, record="e")
    assert {nodes[name].parameters["floor_height"] for name in ("arm_driver", "stop_guard", "agent")} == {0.42}
    hear = ("arm_driver", "agent", "camera", "success_detector", "episode_logger")
    assert {nodes[name].parameters["image_topic"] for name in hear} == {"/wrist/image"}
    assert nodes["agent"].parameters["judge"] == "/my/judge"
    assert (nodes["arm_driver"].parameters["rate"], nodes["stop_guard"].parameters["rate"]) == (60.0, 100.0)


def test_topics_and_frames_of_the_arms_profile_are_the_same_for_every_node(params):
    nodes = graph(arm="ur_servo", params=params({**BOX, "pose_topic": "/tcp_pose"}))
    assert nodes["arm_driver"].parameters["joint_states_topic"] == "joint_states"  # as its drivers publish
    assert {nodes[name].parameters["pose_topic"] for name in ("arm_driver", "stop_guard", "agent")} == {"/tcp_pose"}
    assert nodes["agent"].parameters["tip_frame"] == nodes["arm_driver"].parameters["tip_frame"] == "grasp_tip"
    simulated = graph(simulator="mujoco")
    for name in ("base_frame", "pose_topic", "joint_states_topic", "image_topic"):
        assert simulated["simulator"].parameters[name] == simulated["arm_driver"].parameters[name]


@pytest.mark.parametrize(
    ("settings", "by_node", "named"),
    [
        ({"limits": {"sped": 0.02}}, {}, r"params\.yaml: unknown parameter limits\.sped, .* limits\.speed"),
        ({}, {"agent": {"limits.speed": 0.02}}, r"unknown parameter limits\.speed"),
        ({}, {"arm_drivr": {"limits.speed": 0.02}}, "node arm_drivr"),
        ({}, {"agent": {"floor_height": 0.4}}, "floor_height is .*0.4 for agent.*the same for all"),
        (5, {}, "params.yaml: /.* holds 5"),
        ({"image_age": "old"}, {}, "image_age is 'old'"),
        ({"watch": float("nan")}, {}, "watch is nan"),
        ({"autostart": 1}, {}, "autostart is 1"),
        ({"image_topic": "two words"}, {}, "image_topic is 'two words'"),
        ({"output": {"type": "torque"}}, {}, "output.type is 'torque'"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_before_any_node_starts(params, settings, by_node, named):
    with pytest.raises(InvalidInput, match=named):
        graph(simulator="mujoco", params=params(settings, **by_node))


def test_any_damage_of_the_users_file_gives_settings_of_their_types_that_nodes_agree_on_or_a_refusal(params, mutations):
    file = Path(params({**BOX, "floor_height": 0.42, "image_topic": "/wrist/image"}, agent={"image_age": 0.2}))
    for data in mutations(file.read_bytes()):
        file.write_bytes(data)
        try:
            nodes = graph(simulator="mujoco", params=str(file))
        except InvalidInput:
            continue
        for name, node in nodes.items():
            kinds = {each.name: type(each.default) for each in (*settings.NODES[name], *settings.EVERY_NODE)}
            assert all(type(value) is kinds[key] for key, value in node.parameters.items()), data
            assert "nan" not in str(node.parameters.values()), data
        assert len({str(node.parameters.get("floor_height", "")) for node in nodes.values()} - {""}) == 1, data


def test_in_a_namespace_every_node_has_its_name_and_its_clock_there():
    nodes = build("grasp", {"model": str(MODELS), "simulator": "mujoco", "clock": "true", "namespace": "/lab/left"})
    assert all(node.label == f"lab/left/{node.name}" and node.remaps == {"/clock": "clock"} for node in nodes)
    assert [node.label for node in build("train", {"namespace": "a"})] == ["a/trainer"]


def test_every_name_of_ours_is_relative():
    """But for those of ROS 2 that all robots share; each tells there who it is."""
    names = [value for name, value in vars(topics).items() if name.isupper()]
    names += [each.default for table in settings.NODES.values() for each in table if each.name.endswith("topic")]
    names += [each.default for each in ARM_PARAMETERS if each.name == "gripper.name"]
    assert {name for name in names if name.startswith("/")} == {"/diagnostics", "/tf", "/tf_static"}
    for file in shared("config/arms").glob("*.yaml"):
        assert not any(str(value).startswith("/") for value in read_parameters(file).values()), file


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
