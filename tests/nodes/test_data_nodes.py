"""Camera, episode logger, success detector, trainer and doctor as processes: on the stand-in, and on rclpy if found.

Each check is a function of a program in programs/, run as tests/contract runs its own.
"""

import importlib.util
import json
import os
import re
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import pytest

pytest.importorskip("cyclonedds", reason="nodes run on the stand-in, which needs qtopt_agent[standalone]")

PROGRAMS = Path(__file__).parent / "programs"
CONTRACT = Path(__file__).parents[1] / "contract"
LIMIT = 500.0  # s for all checks of a module
MODELS = tempfile.TemporaryDirectory(prefix="qtopt_models_")  # what checks publish, for those after them

_spec = importlib.util.spec_from_file_location("contract_backends", CONTRACT / "conftest.py")
assert _spec and _spec.loader
backends = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(backends)
domain = backends.domain


@cache
def with_messages() -> bool:
    """Whether the real ROS 2 here has this project's messages."""
    found = backends.real()
    if found is None:
        return False
    check = [found.command[0], "-c", "import qtopt_msgs.msg, qtopt_msgs.srv; qtopt_msgs.srv.JudgeGrasp"]
    return subprocess.run(check, env=dict(found.environment), capture_output=True).returncode == 0


@cache
def said(module: str, on: str, domain: int, *names: str, measured: bool = True) -> dict[str, str | None]:
    """What each check of the module, or of those named, said, run once; `measured`: for coverage as well."""
    backend = backends.backend(on)
    if on == "rclpy" and not with_messages():
        pytest.skip("ROS 2 is here without qtopt_msgs (colcon build): these nodes were NOT run on the real rclpy")
    environment = dict(backend.environment) | {
        "ROS_DOMAIN_ID": str(domain),
        "CYCLONEDDS_URI": backends.loopback(),
        "QTOPT_TEST_MODELS": MODELS.name,
        "QTOPT_TEST_RUNNER": "\n".join(backend.command),
        "PYTHONPATH": os.pathsep.join([*map(str, (PROGRAMS, CONTRACT / "programs")), *_paths(backend)]),
    }
    if not measured:
        environment |= {"COVERAGE_PROCESS_START": "", "COVERAGE_PROCESS_CONFIG": ""}
    done = subprocess.run(
        [*backend.command, "check_runner", module, *names],
        env=environment,
        text=True,
        capture_output=True,
        timeout=LIMIT,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULTS ")]
    assert lines, f"{module} on {on} gave no results:\n{done.stdout}\n{done.stderr}"
    found: dict[str, str | None] = json.loads(lines[-1].removeprefix("RESULTS "))
    return {name: text and _told(text, done.stderr) for name, text in found.items()}


def _told(text: str, stderr: str) -> str:
    """A check's traceback with all that was printed, or why it was skipped."""
    skipped = re.search(r"^RuntimeError: (SKIP: .*)", text, re.M)
    return skipped[1] if skipped else f"{text}\n{stderr}"


def _paths(backend) -> list[str]:
    return [path for path in dict(backend.environment).get("PYTHONPATH", "").split(os.pathsep) if path]


def case(module, name):
    """A check as a test's parameter. All of a module are for one worker, for it runs them together."""
    return pytest.param(module, name, id=f"{module}-{name}", marks=pytest.mark.xdist_group(module))


def _cases():
    for file in sorted(PROGRAMS.glob("checks_*.py")):
        if file.stem in MODULES:
            for name in re.findall(r"^def (check_\w+)\(", file.read_text(), re.M):
                yield case(file.stem, name)


MODULES = (
    "checks_camera",
    "checks_conversions",
    "checks_diagnostics",
    "checks_doctor",
    "checks_episode_logger",
    "checks_pictures",
    "checks_simulator",
    "checks_process",
    "checks_security",
    "checks_success_detector",
    "checks_trainer",
    "checks_twin",
)


@pytest.mark.parametrize("on", ["standalone", "rclpy"])
@pytest.mark.parametrize(("module", "name"), list(_cases()))
def test_node(module, name, on, domain):
    text = said(module, on, domain)[name]
    if text and text.startswith("SKIP: "):
        pytest.skip(text.removeprefix("SKIP: "))
    assert text is None, text
