"""The security policy names every topic, service and action of the graph, and lets nobody else move the arm."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from qtopt_agent.graph import topics

PACKAGE = Path(__file__).parents[2] / "ros2_ws/src/qtopt_agent"
NAMES = [value.strip("/") for name, value in vars(topics).items() if name.isupper() and isinstance(value, str)]


@pytest.fixture(scope="module")
def allowed() -> set[tuple[str, str, str]]:
    """(node, verb, name) of everything that is allowed."""
    root = ElementTree.parse(PACKAGE / "config/sros2_policy.xml").getroot()
    return {
        (profile.get("node"), next(iter(group.attrib)), entry.text)
        for profile in root.iter("profile")
        for group in profile
        for entry in group
    }


@pytest.mark.parametrize("name", NAMES)
def test_every_name_has_somebody_to_speak_and_somebody_to_listen(allowed, name):
    verbs = {verb for _, verb, allowed_name in allowed if allowed_name == name}
    pairs = ({"publish", "subscribe"}, {"reply", "request"}, {"execute", "call"})
    assert any(pair <= verbs for pair in pairs), f"{name}: {verbs}"


def test_only_agent_cycle_and_a_person_command_and_only_driver_and_guard_move_the_arm(allowed):
    def who(name):
        return {node for node, verb, allowed_name in allowed if verb == "publish" and allowed_name == name}

    assert who("qtopt/command") == {"agent", "cycle", "teleop"}
    assert who("arm/target_twist") == who("arm/target_pose") == {"arm_driver", "stop_guard"}
    assert who("qtopt/safety") == {"arm_driver"}
    assert who("qtopt/guard") == {"stop_guard"}


def test_every_node_that_says_how_it_does_may(allowed):
    files = (PACKAGE / "qtopt_agent/nodes").glob("*.py")
    nodes = {file.stem for file in files if "diagnostics.Diagnostics(" in file.read_text()}
    assert len(nodes) >= 8
    assert nodes == {node for node, verb, name in allowed if (verb, name) == ("publish", "diagnostics")}


def test_every_node_that_the_launch_files_start_has_an_enclave(allowed):
    started = set(re.findall(r'_node\("(\w+)"', (PACKAGE / "qtopt_agent/graph/description.py").read_text()))
    assert started - {"replay"} <= {node for node, _, _ in allowed}
