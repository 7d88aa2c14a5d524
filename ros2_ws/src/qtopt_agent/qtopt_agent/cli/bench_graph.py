"""qtopt bench graph: what the middleware costs, how soon the driver stops, what the logger takes."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qtopt_agent.cli.results import JsonFile, print_table, printed_as_json
from qtopt_agent.cli.rollout_options import NewestModel, newest_unless

if TYPE_CHECKING:
    from qtopt_agent.standalone.processes import NodeDescription

LIMITS = {"camera": 0.4, "gripper": 0.4, "pose": 0.2, "command": 0.5}  # s, an arm driver's defaults


def graph(
    model: NewestModel = None,
    decisions: Annotated[int, typer.Option(min=2, max=100_000, help="Decisions from 640x480 images at 30 Hz.")] = 200,
    faults: Annotated[
        int, typer.Option(min=1, max=10_000, help="Times that each input falls silent in mid-motion.")
    ] = 100,
    seconds: Annotated[float, typer.Option(min=2, max=3600, help="Logging of 640x480 images at 30 Hz, s.")] = 60.0,
    json_file: JsonFile = None,
) -> None:
    """Measure what the graph of nodes costs.

    Nodes run as processes: image stamp to command, last input to stop, and logging.
    """
    import os
    import tempfile

    from rich.console import Console

    from qtopt_agent.graph.description import arm_file
    from qtopt_agent.standalone.hooks import ros_is_installed
    from qtopt_agent.standalone.processes import NodeDescription

    folder = newest_unless(model)
    agent = NodeDescription("agent", "qtopt_agent.nodes.agent", {"autostart": True, "model": str(folder), "judge": ""})
    ages = {f"ages.{name}": limit for name, limit in LIMITS.items()}
    driver = NodeDescription(
        "arm_driver",
        "qtopt_agent.nodes.arm_driver",
        {"autostart": True, "limits.speed": 0.05, "patience": 2.0, **ages},
        parameter_files=(arm_file("mujoco"),),
    )
    on = {
        "middleware": f"rclpy, ROS {os.environ.get('ROS_DISTRO', '2')}" if ros_is_installed() else "standalone",
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
    }
    console = Console(stderr=True)
    with console.status("deciding", spinner="line"):
        decide = _measure(agent, {"part": "decide", "model": str(folder), "count": decisions})
    with console.status("stopping", spinner="line"):
        stop = _measure(driver, {"part": "stop", "count": faults})
    with console.status("logging", spinner="line"), tempfile.TemporaryDirectory(prefix="qtopt_bench_") as episodes:
        settings = {"folder": episodes, "disk.stop": 0.0, "disk.go_on": 0.001}
        logger = NodeDescription("episode_logger", "qtopt_agent.nodes.episode_logger", settings)
        log = _measure(logger, {"part": "log", "seconds": seconds}) | _written(Path(episodes))
    log["dropped"] = log["images"] - log["written"]
    log["mb_per_s"] = log["bytes"] / log["seconds"] / 1e6
    added = decide["graph_ms"]["p50"] - decide["one_process_ms"]["p50"]

    result = {"on": on, "decide": decide | {"added_p50_ms": added}, "stop": stop | {"limits_s": LIMITS}, "log": log}
    if printed_as_json(json_file, result):
        return

    def times(found: dict[str, float]) -> list[str]:
        return [f"{found[key]:.1f}" for key in ("p50", "p99", "worst")]

    rows = [
        ["image to command sent", *times(decide["graph_ms"]), ""],
        ["image to command heard", *times(decide["heard_ms"]), ""],
        ["the same in one process", *times(decide["one_process_ms"]), ""],
        ["added by the graph", f"{added:.1f}", "", "", "10"],
    ]
    for name, limit in LIMITS.items():
        rows.append([f"last {name} to stop sent", *times(stop["sent_ms"][name]), f"{1000 * limit:.0f}"])
        rows.append([f"last {name} to stop heard", *times(stop["heard_ms"][name]), ""])
    title = f"{on['middleware']}; {on['cores']} cores, load {on['load_before']:.1f} before"
    print_table(["what", "p50 ms", "p99 ms", "worst ms", "limit ms"], rows, title)
    typer.echo(
        f"{decide['decisions']} decisions, {faults} faults of each input, {log['seconds']:.0f} s of logging:"
        f" {log['dropped']} of {log['images']} images dropped,"
        f" {log['mb_per_s']:.1f} MB/s, {100 * log['logger_cpu']:.0f} % of a core"
    )


def _measure(node: "NodeDescription", part: dict[str, Any]) -> dict[str, Any]:
    """Run `node` beside the bench's own node, and return what that has measured."""
    import io
    import os
    import subprocess
    import sys
    import time

    from qtopt_agent.core.errors import QtoptError
    from qtopt_agent.standalone.hooks import ros_is_installed
    from qtopt_agent.standalone.processes import Processes, loopback

    module, start = (
        "qtopt_agent.speed.graph",
        "import sys, importlib as i; i.import_module(sys.argv.pop(1)).main()",
    )
    runner = ("-c", start) if ros_is_installed() else ("-m", "qtopt_agent.standalone.run")
    environment = dict(os.environ)
    environment.setdefault("CYCLONEDDS_URI", loopback())
    said = io.StringIO()
    with Processes([node], environment=environment, output=said, runner=(sys.executable, *runner)) as processes:
        settings = part | {"pid": processes.pid(node.name)}
        words = [word for name, value in settings.items() for word in ("-p", f"{name}:={value}")]
        command = [sys.executable, *runner, module, "--ros-args", *words]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True)
        time.sleep(2.0)  # for what the node still has to write
    if done.returncode != 0 or not done.stdout.strip():
        typer.echo(said.getvalue(), err=True)
        raise QtoptError(f"the measurement of {node.name} failed; what the node said is above")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _written(root: Path) -> dict[str, int]:
    """Images and bytes in the whole episodes below `root`."""
    from qtopt_agent.documents import read_yaml
    from qtopt_agent.episodes.messages import IMAGE
    from qtopt_agent.episodes.metadata import FILE_NAME
    from qtopt_agent.episodes.reader import find_episodes

    images = size = 0
    for folder in find_episodes(root):
        bag = read_yaml(folder / FILE_NAME)["rosbag2_bagfile_information"]
        counts = {each["topic_metadata"]["name"]: each["message_count"] for each in bag["topics_with_message_count"]}
        images += counts[IMAGE]
        size += sum(file.stat().st_size for file in folder.iterdir())
    return {"written": images, "bytes": size}
