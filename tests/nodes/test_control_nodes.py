"""Arm driver and agent as processes, with faults: on the stand-in, and on rclpy if found.

Each check is a function of a program in programs/, run as test_data_nodes.py runs its own.
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

MODULES = ("checks_arm_driver", "checks_arm_inputs", "checks_agent", "checks_teleop")


def _cases():
    for module in MODULES:
        file = data_nodes.PROGRAMS / f"{module}.py"
        for name in re.findall(r"^def (check_\w+)\(", file.read_text(), re.M):
            yield data_nodes.case(module, name)


@pytest.mark.parametrize("on", ["standalone", "rclpy"])
@pytest.mark.parametrize(("module", "name"), list(_cases()))
def test_node(module, name, on, domain):
    text = data_nodes.said(module, on, domain)[name]
    assert text is None, text
