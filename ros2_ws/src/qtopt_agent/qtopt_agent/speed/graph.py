"""What a graph of nodes costs: each node under test is a process, and so is what measures it."""

import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from qtopt_agent.core.errors import QtoptError
from qtopt_agent.documents import read_yaml
from qtopt_agent.episodes.message_types import IMAGE
from qtopt_agent.episodes.metadata import FILE_NAME
from qtopt_agent.episodes.reader import find_episodes
from qtopt_agent.graph.description import arm_file
from qtopt_agent.standalone.hooks import ros_is_installed
from qtopt_agent.standalone.processes import NodeDescription, Processes, loopback

LIMITS = {"camera": 0.4, "gripper": 0.4, "pose": 0.2, "command": 0.5}  # s, an arm driver's defaults
PROGRAM = "qtopt_agent.speed.graph_program"


def measure_graph(
    model: Path, decisions: int, faults: int, seconds: float, doing: Callable[[str], AbstractContextManager[Any]]
) -> dict[str, Any]:
    """Times of `decisions` with `model`, of stops after `faults` of each input, and of `seconds` of logging.

    `doing` is told what is being measured, and may show it meanwhile. Raises QtoptError where a node does not answer.
    """
    ages = {f"ages.{name}": limit for name, limit in LIMITS.items()}
    driver = {"autostart": True, "limits.speed": 0.05, "patience": 2.0, **ages}
    on = {
        "middleware": f"rclpy, ROS {os.environ.get('ROS_DISTRO', '2')}" if ros_is_installed() else "standalone",
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
    }
    with doing("deciding"):
        decide = measure_deciding(model, decisions)
    with doing("stopping"):
        stop = _measure(_node("arm_driver", driver, arm_file("mujoco")), {"part": "stop", "count": faults})
    with doing("logging"), tempfile.TemporaryDirectory(prefix="qtopt_bench_") as episodes:
        logger = _node("episode_logger", {"folder": episodes, "disk.stop": 0.0, "disk.go_on": 0.001})
        log = _measure(logger, {"part": "log", "seconds": seconds}) | _written(Path(episodes))
    log["dropped"] = log["images"] - log["written"]
    log["mb_per_s"] = log["bytes"] / log["seconds"] / 1e6
    added = decide["graph_ms"]["p50"] - decide["one_process_ms"]["p50"]
    return {"on": on, "decide": decide | {"added_p50_ms": added}, "stop": stop | {"limits_s": LIMITS}, "log": log}


def measure_deciding(model: Path, decisions: int) -> dict[str, Any]:
    """Times from an image to the command that an agent makes of it, ms. Raises QtoptError where it does not answer."""
    agent = {"autostart": True, "model": str(model), "judge": ""}
    return _measure(_node("agent", agent), {"part": "decide", "model": str(model), "count": decisions})


def _node(name: str, parameters: dict[str, Any], *files: Path) -> NodeDescription:
    return NodeDescription(name, f"qtopt_agent.nodes.{name}", parameters, parameter_files=files)


def _measure(node: NodeDescription, part: dict[str, Any]) -> dict[str, Any]:
    """Run `node` beside the measuring program, and return what that has measured."""
    start = "import sys, importlib as i; i.import_module(sys.argv.pop(1)).main()"
    runner = ("-c", start) if ros_is_installed() else ("-m", "qtopt_agent.standalone.run")
    environment = dict(os.environ)
    environment.setdefault("CYCLONEDDS_URI", loopback())
    said = io.StringIO()
    with Processes([node], environment=environment, output=said, runner=(sys.executable, *runner)) as processes:
        settings = part | {"pid": processes.pid(node.name)}
        words = [word for name, value in settings.items() for word in ("-p", f"{name}:={value}")]
        command = [sys.executable, *runner, PROGRAM, "--ros-args", *words]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True)
        time.sleep(2.0)  # for what the node still has to write
    if done.returncode != 0 or not done.stdout.strip():
        print(said.getvalue(), file=sys.stderr)
        raise QtoptError(f"the measurement of {node.name} failed; what the node said is above")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _written(root: Path) -> dict[str, int]:
    """Images and bytes in the whole episodes below `root`."""
    images = size = 0
    for folder in find_episodes(root):
        bag = read_yaml(folder / FILE_NAME)["rosbag2_bagfile_information"]
        counts = {each["topic_metadata"]["name"]: each["message_count"] for each in bag["topics_with_message_count"]}
        images += counts[IMAGE]
        size += sum(file.stat().st_size for file in folder.iterdir())
    return {"written": images, "bytes": size}
