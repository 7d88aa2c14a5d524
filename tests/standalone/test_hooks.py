"""The stand-in takes the place of rclpy only where that is missing, and only in the process that asked for it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("cyclonedds")

PYTHON = [sys.executable, "-m", "qtopt_agent.standalone.run"]


def run(module: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"PYTHONPATH": str(folder)}
    return subprocess.run([*PYTHON, module], env=environment, capture_output=True, text=True, timeout=60)


def test_an_installed_rclpy_comes_first(tmp_path: Path) -> None:
    (tmp_path / "rclpy").mkdir()
    (tmp_path / "rclpy" / "__init__.py").write_text("")
    ended = run("anything", tmp_path)
    assert ended.returncode == 1 and "rclpy is installed here" in ended.stderr


def test_importing_the_package_leaves_rclpy_missing() -> None:
    check = "import qtopt_agent.standalone.hooks, importlib.util as u; print(u.find_spec('rclpy'))"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ended = subprocess.run([sys.executable, "-c", check], env=environment, capture_output=True, text=True, timeout=60)
    assert ended.stdout == "None\n", ended.stderr


PROGRAM = """
def main():
    from qtopt_msgs.msg import GraspCommand, GraspStep
    from qtopt_msgs.srv import LoadModel
    from qtopt_msgs.action import Grasp
    import sensor_msgs.msg, std_srvs.srv
    assert LoadModel.Request and Grasp.Goal and Grasp.Result.TERMINATED == 1
    for wrong in ("from sensor_msgs.msg import Picture", "import no_such_msgs.msg", "from std_srvs.srv import Request"):
        try:
            exec(wrong)
        except ImportError:
            continue
        raise AssertionError(wrong)
    print("fine")
"""


def test_message_modules_hold_exactly_what_is_defined(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    ended = run("program", tmp_path)
    assert ended.stdout == "fine\n", ended.stderr
