"""Which nodes make a graph, from launch arguments: one description for `ros2 launch` and for `qtopt launch`."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from qtopt_agent.cells.cell_file import load_cell
from qtopt_agent.core.clutter import parse_clutter
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.shared_files import shared
from qtopt_agent.graph import topics
from qtopt_agent.graph.layers import merged
from qtopt_agent.graph.settings import MODEL, NODES, POLICIES
from qtopt_agent.models.released import find_model, released_models
from qtopt_agent.safety.arm_profile import read_parameters as read_profile
from qtopt_agent.standalone.names import absolute
from qtopt_agent.standalone.processes import NodeDescription

# A graph ends when one of these has done its work; any other node's end is a failure, which ends it too, except that
# grasping goes on without those that only listen: they are started again.
ENDING = ("attempts", "cycle", "replay")


PROFILES = {"none": "generic", "panda": "franka_cartesian", "ur5e": "ur_servo"}  # of arms, by their twin's name


@dataclass(frozen=True)
class Argument:
    """A launch argument; its value is text. choices: all there are; empty for any. path: in it ~ is the home folder."""

    name: str
    default: str
    description: str
    choices: tuple[str, ...] = ()
    path: bool = False


# By the cycle, which goes on or holds without one of them. A new arm driver is disarmed: a person arms it.
_WAITED_FOR = ("arm_driver", "agent", "success_detector", "camera")

_YES_NO = ("true", "false")
_EVERY = (
    Argument("namespace", "", "Namespace of all nodes, topics, services and actions: one for each of several robots."),
    Argument(
        "params",
        "",
        "Parameter file for all nodes, read last: it wins over launch arguments and the profile.",
        path=True,
    ),
)
_GRASP = (
    Argument(
        "simulator", "none", "Where the arm is: none (a real one), mujoco, or gazebo.", ("none", "mujoco", "gazebo")
    ),
    Argument(
        "twin",
        "none",
        "A stranger's arm, panda or ur5e, in the place of arm and camera; with simulator:=none and robosuite's models.",
        ("none", "panda", "ur5e"),
    ),
    Argument(
        "arm", "", "Profile in config/arms, or a file; by default the simulator's, for a real arm generic.", path=True
    ),
    Argument("camera", "realsense", "Real arm only.", ("realsense", "v4l2", "folder", "video", "none")),
    Argument("camera_device", "", "Serial number, device, folder or file of the camera.", path=True),
    Argument(
        "model", "", "Folder of a model or of a store, or a released model's name; by default the newest.", path=True
    ),
    Argument(
        "trusted_keys",
        "",
        "File of public keys, one of which must have signed a model; by default any model.",
        path=True,
    ),
    Argument("policy", MODEL, "What decides: a model, or a script that needs none.", POLICIES),
    Argument("epsilon", "0.0", "Share of a model's actions in whose place a random one is tried."),
    Argument("noise", "0.0", "Standard deviation on a model's motions, as a fraction of half their range."),
    Argument("record", "", "Folder to record episodes in; by default none are recorded.", path=True),
    Argument("train", "false", "Learn from what is recorded, and publish candidates; none is put in force.", _YES_NO),
    Argument("candidates", "candidates", "With train: store for candidates.", path=True),
    Argument(
        "grasps",
        "0",
        "Try so many grasps one after another, then end; 0: wait for goals. On an arm, that is the cycle.",
    ),
    Argument("result", "", "JSON file for the number of grasps that succeeded.", path=True),
    Argument("arm_on_start", "false", "Simulators only: arm without being asked.", _YES_NO),
    Argument(
        "objects",
        "held-out",
        "Simulators and twins: a split of shape families, as train or held-out, or a folder of meshes.",
        path=True,
    ),
    Argument(
        "clutter",
        "",
        "Simulators and twins: objects in the bin, a number or fewest-most as in 1-5; by default 1, or 5.",
    ),
    Argument(
        "rehearse",
        "false",
        "mujoco: the world shows only what an arm shows, and has 5 objects unless clutter says otherwise.",
        _YES_NO,
    ),
    Argument(
        "truth", "", "rehearse and twin: file for what the world really does, JSON lines, for a checker.", path=True
    ),
    Argument("cell", "", "mujoco: bin, jaw and camera, a name or a .yaml file; by default the arm's.", path=True),
    Argument("seed", "0", "Of the objects of simulators and twins, and of the cycle."),
    Argument("speed", "1.0", "mujoco: simulated seconds in a second."),
    Argument("clock", "false", "mujoco: publish /clock, and have all nodes go by it, as always with gazebo.", _YES_NO),
    *_EVERY,
)
_TRAIN = (
    Argument("episodes", "episodes", "Folder of recorded episodes to watch.", path=True),
    Argument(
        "model", "", "To begin with: a model or a store, or a released model's name; by default the newest.", path=True
    ),
    Argument("candidates", "candidates", "Store for candidates; none is put in force.", path=True),
    Argument("preset", "finetune", "Training preset: a name, or a .yaml file.", path=True),
    *_EVERY,
)
_REPLAY = (
    Argument("episode", "", "Folder of a recorded episode.", path=True),
    Argument("rate", "1.0", "Recorded seconds in a second."),
    *_EVERY,
)


def grasp(a: Mapping[str, str]) -> list[NodeDescription]:
    """Sense, decide, guard, act; and log and learn where asked."""
    simulator, model = a["simulator"], str(find_model(a["model"]) if a["model"] else released_models())
    simulated, simulation = simulator != "none", _simulator(a)  # settings of it are checked for a real arm as well
    rehearsed = _yes(a, "rehearse")
    if rehearsed and simulator != "mujoco":
        raise InvalidInput(f"rehearse is true, simulator is {simulator!r}: expected mujoco")
    if a["truth"] and not rehearsed and a["twin"] == "none":
        raise InvalidInput(f"truth is {a['truth']!r}: for rehearse:=true only, or with a twin")
    resets = simulated and not rehearsed
    if _yes(a, "train") and not a["record"]:
        raise InvalidInput("train is true, but nothing is recorded: give record:=FOLDER")
    if simulated and a["twin"] != "none":
        raise InvalidInput(f"twin is {a['twin']!r}, simulator is {simulator!r}: expected one of them to be none")
    arm = arm_file(a["arm"] or (simulator if simulated else PROFILES[a["twin"]]))
    driver = {"autostart": True, "arm_on_start": _yes(a, "arm_on_start")}
    agent = {
        "autostart": True,
        "policy": a["policy"],
        "epsilon": _number(a, "epsilon", float),
        "noise": _number(a, "noise", float),
        "model": model,
        "trusted_keys": a["trusted_keys"],
        "judge": topics.SIMULATOR_JUDGE if resets else topics.JUDGE,
    }
    nodes = [_node("arm_driver", driver), _node("stop_guard"), _node("agent", agent)]
    if a["cell"] and simulator != "mujoco":
        raise InvalidInput(f"cell is {a['cell']!r}: for simulator:=mujoco only, an arm's cell is in its profile")
    if not resets:
        nodes.append(_node("success_detector"))
    if simulator == "mujoco":
        nodes.insert(0, _node("simulator", simulation | (_rehearsal(a) if rehearsed else {})))
    elif simulator == "gazebo":
        nodes.insert(0, _node("gazebo", _objects(a)))
    else:
        if a["twin"] != "none":
            own = {"twin": a["twin"], "seed": _number(a, "seed", int), "truth": a["truth"]}
            nodes.insert(0, _node("twin", _objects(a) | own))
        elif a["camera"] in ("folder", "video") and not a["camera_device"]:
            raise InvalidInput(f"camera_device is empty, expected the path of a {a['camera']}")
        elif a["camera"] != "none":
            nodes.insert(0, _node("camera", {"source": a["camera"], "device": a["camera_device"]}))
    if a["record"]:
        nodes.append(replace(_node("episode_logger", {"folder": a["record"]}), respawn=True))
    if _yes(a, "train"):
        trainer = _node("trainer", {"episodes": a["record"], "model": model, "candidates": a["candidates"]})
        nodes.append(replace(trainer, respawn=True))
    count = _number(a, "grasps", int)
    if a["result"] and not Path(a["result"]).parent.is_dir():
        raise InvalidInput(f"result is {a['result']!r}, expected a file in a folder that is there")
    if count:
        settings = {"count": count, "seed": _number(a, "seed", int), "result": a["result"]}
        if resets:
            nodes.append(_node("attempts", settings))
        else:
            nodes = [replace(node, respawn=node.name in _WAITED_FOR or node.respawn) for node in nodes]
            nodes.append(_node("cycle", settings | {"recording": bool(a["record"])}))
    if a["cell"]:
        nodes = _in_cell(nodes, a["cell"])
    elif a["twin"] != "none":
        lab = {"cell": str(twin_cell(a["twin"])), "image_topic": topics.REALSENSE}
        nodes = [replace(node, parameters=node.parameters | _known(node, lab)) for node in nodes]
    if simulator == "gazebo" or _yes(a, "clock"):
        nodes = [_with_clock(node, a) for node in nodes]
    nodes = _told(nodes, a, arm)
    told = {node.name: node.parameters for node in nodes}
    if told["arm_driver"]["arm_on_start"] and not simulated:
        raise InvalidInput("arm_on_start is for simulators only: a real arm is armed by a person")
    if "cycle" in told and not told["cycle"]["cell"]:
        raise InvalidInput(f"grasps is {count}, but the arm has no cell, in which start poses and drops are drawn")
    if "cycle" in told and not simulated and told["cycle"]["cell"] == _shipped_cell(arm):
        raise InvalidInput(
            f"grasps is {count}, but the cell is {told['cycle']['cell']}, as shipped with {arm.name}: name yours, in "
            "which start poses and drops are drawn"
        )
    if told["agent"]["policy"] == MODEL:
        _check_model(Path(told["agent"]["model"]))
    return nodes


def collect(a: Mapping[str, str]) -> list[NodeDescription]:
    """Grasp after grasp, all recorded."""
    if not a["record"]:
        raise InvalidInput("record is empty, expected a folder for the episodes")
    return grasp(a)


def train(a: Mapping[str, str]) -> list[NodeDescription]:
    """Learn from a folder of episodes that others write to."""
    model = str(find_model(a["model"]) if a["model"] else released_models())
    settings = {"episodes": a["episodes"], "model": model, "candidates": a["candidates"], "preset": a["preset"]}
    return _told([_node("trainer", settings)], a)


def replay(a: Mapping[str, str]) -> list[NodeDescription]:
    """Publish what an episode recorded, at its own pace."""
    if not Path(a["episode"]).is_dir() or not a["episode"]:
        raise InvalidInput(f"episode is {a['episode']!r}, expected the folder of a recorded episode")
    return _told([_node("replay", {"episode": a["episode"], "rate": _number(a, "rate", float)})], a)


Graph = Callable[[Mapping[str, str]], list[NodeDescription]]
_DEFAULTS = {"record": "episodes", "grasps": "100"}
GRAPHS: dict[str, tuple[Graph, Sequence[Argument]]] = {
    "grasp": (grasp, _GRASP),
    "collect": (collect, [replace(each, default=_DEFAULTS.get(each.name, each.default)) for each in _GRASP]),
    "train": (train, _TRAIN),
    "replay": (replay, _REPLAY),
}


def build(name: str, given: Mapping[str, str]) -> list[NodeDescription]:
    """The nodes of graph `name` with arguments `given`; the others have their defaults.

    Raises InvalidInput on an unknown graph or argument, or a value that is not allowed.
    """
    if name not in GRAPHS:
        raise InvalidInput(f"graph is {name!r}, expected one of {', '.join(GRAPHS)}")
    make, arguments = GRAPHS[name]
    known = {argument.name: argument for argument in arguments}
    for key, value in given.items():
        if key not in known:
            raise InvalidInput(f"unknown argument {key}, expected one of {', '.join(known)}")
        if known[key].choices and value not in known[key].choices:
            raise InvalidInput(f"{key} is {value!r}, expected one of {', '.join(known[key].choices)}")
    values = {argument.name: given.get(argument.name, argument.default) for argument in arguments}
    return make({name: os.path.expanduser(text) if known[name].path else text for name, text in values.items()})


def _node(name: str, parameters: dict[str, Any] | None = None) -> NodeDescription:
    return NodeDescription(name, f"qtopt_agent.nodes.{name}", parameters or {})


def _objects(a: Mapping[str, str]) -> dict[str, Any]:
    many = _yes(a, "rehearse") or a["twin"] != "none"
    clutter = a["clutter"] or ("5" if many else "1")
    return {"objects": a["objects"], "clutter": list(parse_clutter(clutter))}


def _simulator(a: Mapping[str, str]) -> dict[str, Any]:
    own = {"seed": _number(a, "seed", int), "speed": _number(a, "speed", float), "clock": _yes(a, "clock")}
    return _objects(a) | own


def _rehearsal(a: Mapping[str, str]) -> dict[str, Any]:
    return {"rehearse": True, "truth": a["truth"], "camera_rate": 15.0}  # Hz: its large pictures are heard by four


def _in_cell(nodes: Sequence[NodeDescription], name: str) -> list[NodeDescription]:
    """`nodes` with the cell `name`."""
    told: dict[str, Any] = {
        "cell": os.path.abspath(name) if name.endswith(".yaml") else name,
        "gripper.open_position": load_cell(name).jaw.aperture / 2,  # of each finger
    }
    return [replace(node, parameters=node.parameters | _known(node, told)) for node in nodes]


def _known(node: NodeDescription, parameters: Mapping[str, Any]) -> dict[str, Any]:
    names = {parameter.name for parameter in NODES[node.name]}
    return {name: value for name, value in parameters.items() if name in names}


def twin_cell(twin: str) -> Path:
    """The file of a twin's cell, which is no cell to learn in."""
    return shared(f"config/twins/{twin}.yaml")


def _with_clock(node: NodeDescription, a: Mapping[str, str]) -> NodeDescription:
    """`node` going by the simulator's clock: the one of its own namespace, where there is one."""
    remaps = {"/clock": "clock"} if a["namespace"] else {}
    makes_it = node.name in ("simulator", "gazebo")
    return replace(node, parameters=node.parameters | ({} if makes_it else {"use_sim_time": True}), remaps=remaps)


def _told(nodes: Sequence[NodeDescription], a: Mapping[str, str], arm: Path | None = None) -> list[NodeDescription]:
    """`nodes` in their namespace, with all that they are told."""
    namespace = checked_namespace(a["namespace"])
    params = Path(a["params"]) if a["params"] else None
    return merged([replace(node, namespace=namespace) for node in nodes], arm, params)


def _check_model(folder: Path) -> None:
    if not any(next(folder.glob(place), None) for place in ("manifest.json", "*/manifest.json")):
        raise InvalidInput(f"model is {str(folder)!r}, expected the folder of a model or of a store: model:=FOLDER")


def checked_namespace(text: str) -> str:
    """`text` without slashes around it. Raises InvalidInput where that is no namespace."""
    try:
        return absolute(text).strip("/")
    except ValueError as error:
        raise InvalidInput(f"namespace is {text!r}, expected a name, such as left or lab/left") from error


def arm_file(arm: str) -> Path:
    """The parameter file that `arm` means: a profile's name, or a file. Raises InvalidInput on neither."""
    named = shared(f"config/arms/{arm}.yaml")
    file = named if named.is_file() else Path(arm)
    if not file.is_file():
        known = ", ".join(sorted(each.stem for each in named.parent.glob("*.yaml")))
        raise InvalidInput(f"arm is {arm!r}, expected a file or one of {known}")
    return file


def _shipped_cell(arm: Path) -> str:
    """The cell that a profile of ours names, which nobody has measured; empty where the profile is somebody's own."""
    return str(read_profile(arm).get("cell", "")) if arm.parent == shared("config/arms") else ""


def _yes(a: Mapping[str, str], name: str) -> bool:
    return a[name] == "true"


def _number(a: Mapping[str, str], name: str, kind: type[int] | type[float]) -> Any:
    try:
        return kind(a[name])
    except ValueError as error:
        raise InvalidInput(f"{name} is {a[name]!r}, expected a number") from error
