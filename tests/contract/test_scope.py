"""What the nodes ask of ROS 2 is there, with the parameters that they give: on the stand-in, and on the real rclpy.

The stand-in is frozen (docs/explanation/standalone.md): where a test here fails, do without, or add it with a contract.
"""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from qtopt_agent.standalone.interfaces import typestore

from .conftest import backend

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "ros2_ws" / "src" / "qtopt_agent"
STANDALONE = SOURCES / "qtopt_agent" / "standalone" / "rclpy"
FOLDERS = ("nodes", "graph", "speed")  # that may import rclpy and messages
KINDS = {"msg": "", "srv": "_Request", "action": "_Goal"}
NOT_STANDALONE = {  # where these are not installed, nothing imports them
    "nodes/pictures.py": ("cv_bridge",),
    "graph/ros_launch.py": ("launch", "launch_ros"),
    "graph/ros_bring_up.py": ("launch", "launch_ros"),
}
CONFIGURATION = """
[mypy]
check_untyped_defs = True
disable_error_code = var-annotated
follow_imports = skip
ignore_missing_imports = True
[mypy-rclpy.*]
follow_imports = silent
ignore_missing_imports = False
[mypy-qtopt_agent.*,numpy.*]
follow_imports = silent
"""


def check(rclpy: Path, folder: Path, *what: str) -> "subprocess.CompletedProcess[str]":
    """What mypy says of `what` where `rclpy` is that folder, a line each: file, line, the name that is missing."""
    pytest.importorskip("mypy")
    (folder / "rclpy").symlink_to(rclpy)
    (folder / "mypy.ini").write_text(CONFIGURATION)
    settings = ["--config-file", str(folder / "mypy.ini"), "--cache-dir", str(folder / "cache")]
    environment = os.environ | {"MYPYPATH": f"{folder}{os.pathsep}{SOURCES}"}
    command = [sys.executable, "-m", "mypy", *settings, *what]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


def folder_of(on: str) -> Path:
    """Where rclpy is, the stand-in or the real one."""
    if on == "standalone":
        return STANDALONE
    real = backend(on)
    asked = [real.command[0], "-c", "import rclpy; print(rclpy.__path__[0])"]
    return Path(subprocess.check_output(asked, env=dict(real.environment), text=True).strip())


@pytest.mark.parametrize("on", ["standalone", "rclpy"])
def test_all_that_the_nodes_use_of_rclpy_is_there(on: str, tmp_path: Path) -> None:
    packages = [part for folder in FOLDERS for part in ("-p", f"qtopt_agent.{folder}")]
    ended = check(folder_of(on), tmp_path, *packages)
    assert ended.returncode == 0, f"\n{ended.stdout}{ended.stderr}"


WANTS_MORE = """import rclpy
from rclpy.node import Node
from rclpy.event_handler import PublisherEventCallbacks
from rclpy.qos import LivelinessPolicy
class Wants(Node):
    def __init__(self) -> None:
        rclpy.spin_until_done(self)
        self.create_rate(10.0)
        self.create_timer(1.0, print, oneshot=True)
        self.get_clock().now().to_datetime()
"""


def test_a_node_that_needs_more_is_told_of_each_line(tmp_path: Path) -> None:
    (tmp_path / "wants.py").write_text(WANTS_MORE)
    said = check(STANDALONE, tmp_path, "wants.py").stdout
    assert [line.split(":")[1] for line in said.splitlines() if ": error: " in line] == ["3", "4", "7", "8", "9", "10"]


def imports() -> Iterator[tuple[str, int, str, str]]:
    """File, line, module and name of each import in the folders that may import messages."""
    for folder in FOLDERS:
        for file in sorted((SOURCES / "qtopt_agent" / folder).glob("*.py")):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.ImportFrom | ast.Import):
                    for each in node.names:
                        module, name = (node.module, each.name) if isinstance(node, ast.ImportFrom) else (each.name, "")
                        yield f"{folder}/{file.name}", node.lineno, module or "", name


def test_every_message_that_the_nodes_import_is_defined_and_no_other_package_of_ros_2_is() -> None:
    missing = []
    for file, line, module, name in imports():
        package, _, kind = module.partition(".")
        if kind in KINDS and package != "rclpy":
            there = f"{package}/{kind}/{name}{KINDS[kind]}" in typestore().fielddefs
        else:
            there = package in ("rclpy", *NOT_STANDALONE.get(file, ())) or find_spec(package) is not None
        if not there:
            missing.append(f"{file}:{line}: {module} {name}")
    assert not missing, "\n" + "\n".join(missing)


def methods(file: str, name: str) -> set[str]:
    """The public methods of a class in the stand-in."""
    tree = ast.parse((STANDALONE / file).read_text())
    body = next(n.body for n in tree.body if isinstance(n, ast.ClassDef) and n.name == name)
    return {n.name for n in body if isinstance(n, ast.FunctionDef) and not n.name.startswith("_")}


def test_the_page_names_every_method_that_a_node_has() -> None:
    page = (ROOT / "docs" / "explanation" / "standalone.md").read_text()
    rows = re.findall(r"^\| `rclpy\.(?:node\.Node|lifecycle\.LifecycleNode)`.*?\| (.*) \|$", page, re.M)
    offered = methods("node.py", "Node") | methods("parameters.py", "Parameters")
    assert set(re.findall(r"`(\w+)`", " ".join(rows))) == offered | methods("lifecycle/node.py", "LifecycleNode")
