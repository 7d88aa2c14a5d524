"""Runs the same small programs on the stand-in and, where it is found, on the real rclpy.

Each program is a process of its own, so that nothing depends on what the test process has imported. All of them talk
over the loopback interface, in a DDS domain that no other test session uses.
"""

import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

pytest.importorskip("cyclonedds", reason="the contract runs on the stand-in, which needs qtopt_agent[standalone]")

import qtopt_agent
from qtopt_agent.standalone.processes import loopback

PROGRAMS = Path(__file__).parent / "programs"
START = "import sys, importlib; sys.exit(importlib.import_module(sys.argv.pop(1)).main())"
LIMIT = 90.0  # s for a program


@dataclass(frozen=True)
class Backend:
    """One way to run a program."""

    name: str
    command: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]

    def start(self, program: str, *args: str, domain: int) -> "subprocess.Popen[str]":
        """Start `program` with its output captured."""
        environment = dict(self.environment) | {"ROS_DOMAIN_ID": str(domain), "CYCLONEDDS_URI": loopback()}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(PROGRAMS), environment.get("PYTHONPATH")]))
        return subprocess.Popen(
            [*self.command, program, *args], env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )


def _without_ros() -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ROS_", "RMW_", "AMENT_", "PYTHONPATH"))
    }
    return kept | {"PYTHONPATH": str(Path(qtopt_agent.__file__).parents[1]), "PYTHONUNBUFFERED": "1"}


@cache
def standalone() -> Backend:
    """The stand-in."""
    return Backend("standalone", (sys.executable, "-m", "qtopt_agent.standalone.run"), tuple(_without_ros().items()))


@cache
def real() -> Backend | None:
    """The real rclpy on rmw_cyclonedds, in this environment or in one under /opt/ros; None where there is none."""
    setups: list[Path | None] = [None, *sorted(Path("/opt/ros").glob("*/setup.bash"))]
    for setup in setups:
        environment = dict(os.environ)
        if setup:
            sourced = subprocess.run(
                ["bash", "-c", f". {setup} >/dev/null 2>&1; env -0"], env=_without_ros(), capture_output=True, text=True
            )
            environment = dict(entry.split("=", 1) for entry in sourced.stdout.split("\0") if "=" in entry)
        environment |= {
            "RMW_IMPLEMENTATION": "rmw_cyclonedds_cpp",
            "ROS_PYTHON_CHECK_FIELDS": "1",
            "PYTHONUNBUFFERED": "1",
        }
        environment.pop("ROS_LOCALHOST_ONLY", None)
        for python in (sys.executable, "python3"):
            check = "import rclpy; rclpy.init(); rclpy.create_node('check'); import control_msgs.action"
            tried = subprocess.run(
                [python, "-c", check], env=environment | {"CYCLONEDDS_URI": loopback()}, capture_output=True, timeout=60
            )
            if tried.returncode == 0:
                return Backend("rclpy", (python, "-c", START), tuple(environment.items()))
    return None


def backend(name: str) -> Backend:
    """The backend of that name; skips the test where it is not there."""
    found = standalone() if name == "standalone" else real()
    if found is None:
        pytest.skip("no ROS 2 with rmw_cyclonedds here: this contract was NOT checked against the real rclpy")
    return found


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly which backends the contract was checked on."""
    found = real()
    about = f"also on the real rclpy ({found.command[0]})" if found else "on the stand-in ONLY: ROS 2 was not found"
    terminalreporter.write_line(f"tests/contract: ran {about}", yellow=not found, bold=not found)


def _is_empty(domain: int) -> bool:
    """Whether no process here listens on the domain's ports: each takes the first free one of its own."""
    for port in range(7410 + 250 * domain, 7612 + 250 * domain, 2):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as tried:
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


@pytest.fixture(scope="session")
def domain() -> Iterator[int]:
    """A ROS_DOMAIN_ID that is this session's own, and empty: a session that was killed may have left nodes behind."""
    for number in range(1, 100):
        with open(Path(tempfile.gettempdir()) / f"qtopt_domain_{number}.lock", "w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue
            if _is_empty(number):
                yield number
                return
    pytest.fail("no free ROS_DOMAIN_ID")


def checks(module: str) -> list[str]:
    """Names of the checks in a program."""
    return re.findall(r"^def (check_\w+)\(", (PROGRAMS / f"{module}.py").read_text(), re.M)


class Peer:
    """`peer` in a process of its own; its messages are collected."""

    def __init__(self, on: Backend, domain: int) -> None:
        self.process = on.start("peer", domain=domain)
        self.errors: list[str] = []
        assert self.process.stdout and self.process.stderr
        self._reader = threading.Thread(target=self.errors.extend, args=(self.process.stderr,), daemon=True)
        self._reader.start()
        ready = self.process.stdout.readline()
        if ready != "READY\n":
            self.stop()
            raise AssertionError(f"the peer did not start:\n{''.join(self.errors)}")

    def stop(self) -> None:
        """End it."""
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self._reader.join(5)


@pytest.fixture(scope="session")
def results(domain: int) -> Callable[..., dict[str, str | None]]:
    """`results(module, backend, peer_backend)`: what each check of the module said, run once."""

    @cache
    def run(module: str, on: str, peer_on: str | None = None) -> dict[str, str | None]:
        ours = backend(on)
        peer = Peer(backend(peer_on), domain) if peer_on else None
        process = ours.start("harness", module, domain=domain)
        try:
            output, errors = process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            output, errors = process.communicate()
        if peer:
            alive = peer.process.poll() is None
            peer.stop()
            if not alive:
                return dict.fromkeys(checks(module), f"the peer ended on its own:\n{''.join(peer.errors)}")
        said = [line for line in output.splitlines() if line.startswith("RESULTS ")]
        if not said:
            return dict.fromkeys(checks(module), f"{module} on {on} gave no results:\n{output}\n{errors}")
        found: dict[str, str | None] = json.loads(said[-1].removeprefix("RESULTS "))
        return found

    return run
