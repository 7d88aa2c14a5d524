"""qtopt bench graph: what the middleware costs, how soon the driver stops, what the logger takes."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qtopt_agent.cli.rollout_options import JsonFile

if TYPE_CHECKING:
    from qtopt_agent.standalone.processes import NodeDescription

LIMITS = {"camera": 0.4, "gripper": 0.4, "pose": 0.2, "command": 0.5}  # s, an arm driver's defaults


def graph(
    model: Annotated[Path | None, typer.Option(help="Folder of a model; by default the newest released one.")] = None,
    decisions: Annotated[int, typer.Option(min=2, help="Decisions from 640x480 images at 30 Hz.")] = 200,
    faults: Annotated[int, typer.Option(min=1, help="Times that each input falls silent in mid-motion.")] = 100,
    seconds: Annotated[float, typer.Option(min=2, help="Logging of 640x480 images at 30 Hz, s.")] = 60.0,
    json_file: JsonFile = None,
) -> None:
    """Nodes as processes: image stamp to command, last input to stop, and logging."""
    import os
    import tempfile

    from rich.console import Console
    from rich.table import Table

    from qtopt_agent.models import store as model_store
    from qtopt_agent.runtime.released import released_models
    from qtopt_agent.standalone.hooks import ros_is_installed
    from qtopt_agent.standalone.processes import NodeDescription

    folder = model or model_store.latest(released_models())
    agent = NodeDescription("agent", "qtopt_agent.nodes.agent", {"autostart": True, "model": str(folder), "judge": ""})
    ages = {f"ages.{name}": limit for name, limit in LIMITS.items()}
    driver = NodeDescription(
        "arm_driver",
        "qtopt_agent.nodes.arm_driver",
        {"autostart": True, "limits.speed": 0.05, "patience": 2.0, **ages},
        parameter_files=(_arm_file(),),
    )
    on = {
        "middleware": f"rclpy, ROS {os.environ.get('ROS_DISTRO', '2')}" if ros_is_installed() else "standalone",
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
    }
    console = Console(stderr=True)
    with console.status("deciding"):
        decide = _measure(agent, {"part": "decide", "model": str(folder), "count": decisions})
    with console.status("stopping"):
        stop = _measure(driver, {"part": "stop", "count": faults})
    with console.status("logging"), tempfile.TemporaryDirectory(prefix="qtopt_bench_") as episodes:
        settings = {"folder": episodes, "disk.stop": 0.0, "disk.go_on": 0.001}
        logger = NodeDescription("episode_logger", "qtopt_agent.nodes.episode_logger", settings)
        log = _measure(logger, {"part": "log", "seconds": seconds}) | _written(Path(episodes))
    log["dropped"] = log["images"] - log["written"]
    log["mb_per_s"] = log["bytes"] / log["seconds"] / 1e6
    added = decide["graph_ms"]["p50"] - decide["one_process_ms"]["p50"]

    title = f"{on['middleware']}; {on['cores']} cores, load {on['load_before']:.1f} before"
    table = Table("what", "p50", "p99", "worst", "limit", title=title)

    def row(name: str, found: dict[str, float], limit: str = "") -> None:
        table.add_row(name, *(f"{found[key]:.1f} ms" for key in ("p50", "p99", "worst")), limit)

    row("image to command sent", decide["graph_ms"])
    row("image to command heard", decide["heard_ms"])
    row("the same in one process", decide["one_process_ms"])
    table.add_row("added by the graph", f"{added:.1f} ms", "", "", "10 ms")
    for name, limit in LIMITS.items():
        row(f"last {name} to stop sent", stop["sent_ms"][name], f"{1000 * limit:.0f} ms")
        row(f"last {name} to stop heard", stop["heard_ms"][name])
    table.add_row(f"logger drops of {log['images']}", "", "", str(log["dropped"]), "0")
    table.add_row("logger writes", f"{log['mb_per_s']:.1f} MB/s")
    table.add_row("logger uses of a core", f"{100 * log['logger_cpu']:.0f} %")
    table.caption = f"{decide['decisions']} decisions, {faults} faults of each input, {log['seconds']:.0f} s of logging"
    Console().print(table)
    if json_file is not None:
        result = {"on": on, "decide": decide | {"added_p50_ms": added}, "stop": stop | {"limits_s": LIMITS}, "log": log}
        json_file.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


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
        "qtopt_agent.nodes.graph_bench",
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
        raise QtoptError(f"the measurement of {node.name} failed; the node said:\n{said.getvalue()}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _arm_file() -> Path:
    from qtopt_agent.nodes.graph import shared

    return shared("config/arms/mujoco.yaml")


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
