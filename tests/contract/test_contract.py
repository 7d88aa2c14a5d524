"""One contract for the stand-in and for ROS 2: every check in programs/, on each, and across the two."""

import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from .conftest import backend, checks

BACKENDS = ["standalone", "rclpy"]
ALONE = [f"checks_{part}" for part in ("values", "parameters", "names", "time", "executors", "logging")]
# All checks of a module are for one worker, for it runs them together.
CHECKS_ALONE = [
    pytest.param(module, check, marks=pytest.mark.xdist_group(module)) for module in ALONE for check in checks(module)
]
PAIRS = [(one, other) for one in BACKENDS for other in BACKENDS]


@pytest.mark.parametrize("on", BACKENDS)
@pytest.mark.parametrize(("module", "check"), CHECKS_ALONE)
def test_alone(results: Callable[..., dict[str, str | None]], on: str, module: str, check: str) -> None:
    said = results(module, on)[check]
    assert said is None, said


@pytest.mark.xdist_group("checks_across")
@pytest.mark.parametrize(("on", "peer"), PAIRS, ids=["_sees_".join(pair) for pair in PAIRS])
@pytest.mark.parametrize("check", checks("checks_across"))
def test_across(results: Callable[..., dict[str, str | None]], on: str, peer: str, check: str) -> None:
    said = results("checks_across", on, peer)[check]
    assert said is None, said


@pytest.mark.parametrize("on", BACKENDS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_spin_and_the_node_ends_itself(domain: int, on: str, number: signal.Signals) -> None:
    process = backend(on).start("stop", domain=domain)
    assert process.stdout and process.stdout.readline() == "READY\n"
    time.sleep(0.5)  # until it spins; rclpy promises nothing about signals in between
    try:
        for _ in range(3 if on == "rclpy" else 1):  # on a busy machine rclpy may sleep through one
            process.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
                break
        output, errors = process.communicate(timeout=1)
    finally:
        process.kill()
    first, _, second = output.partition("\n")
    allowed = {
        signal.SIGINT: {"KeyboardInterrupt", "ExternalShutdownException"},
        signal.SIGTERM: {"ExternalShutdownException"},
    }
    assert first in allowed[number], output + errors
    assert second == "not ok\n" and process.returncode == 3, output + errors
