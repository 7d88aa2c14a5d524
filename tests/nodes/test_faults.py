"""Every fault that the graph has to survive, on all of its processes: on the stand-in, and on rclpy if found.

Each check is a function of a program in programs/ and has a graph, and a process, of its own.
"""

import importlib.util
import re
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location("data_nodes", Path(__file__).parent / "test_data_nodes.py")
assert _spec and _spec.loader
data_nodes = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(data_nodes)
domain = data_nodes.domain

MODULES = ("checks_starts", "checks_killed", "checks_held_up", "checks_faults", "checks_cycle", "checks_turns")


def _cases():
    for module in MODULES:
        file = data_nodes.PROGRAMS / f"{module}.py"
        for name in re.findall(r"^def (check_\w+)\(", file.read_text(), re.M):
            yield pytest.param(module, name, id=f"{module}-{name}")


@pytest.mark.parametrize("on", ["standalone", "rclpy"])
@pytest.mark.parametrize(("module", "name"), list(_cases()))
def test_fault(module, name, on, domain):
    # Not measured, for the nodes' own checks run the same lines. Besides, coverage's hook at Python's start has a bare
    # except, in which a Ctrl-C is lost.
    text = data_nodes.said(module, on, domain, name, measured=False)[name]
    if text and "SKIP: " in text:
        pytest.skip(text.split("SKIP: ")[1].splitlines()[0])
    assert text is None, text
