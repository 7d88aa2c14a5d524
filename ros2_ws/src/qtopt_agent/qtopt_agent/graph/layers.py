"""What each node of a graph is told: the arm's profile, then what the launch says, then the user's file, read last.

Merged here and not by the nodes, where which file is believed would depend on how each names its nodes: so that what
nodes have to agree on is the same for all, and what cannot work is refused before any of them is started.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from qtopt_agent.core.errors import InvalidInput, unknown
from qtopt_agent.core.parameter import Parameter, checked
from qtopt_agent.graph.settings import EVERY_NODE, KNOWN, NODES, SHARED
from qtopt_agent.safety.arm_profile import ARM_PARAMETERS, arm_profile
from qtopt_agent.standalone.arguments import Override, matches, read_parameters
from qtopt_agent.standalone.names import expand
from qtopt_agent.standalone.processes import NodeDescription

OF_ARM = ("arm_driver", "stop_guard", "cycle")  # these are told all of the arm's profile
TOPICS = ("pose_topic", "joint_states_topic", "image_topic", "camera_info_topic", "output.topic", "gripper.name")


def merged(nodes: Sequence[NodeDescription], arm: Path | None, params: Path | None) -> list[NodeDescription]:
    """`nodes` with all that each is told as its parameters. arm: the profile. params: the user's file.

    Raises InvalidInput, naming the file or parameter, on a parameter that its node does not have or that makes no
    sense, on one that nodes have to agree on and do not, and on an arm's profile that cannot work.
    """
    profile, last = (_read(file) if file else [] for file in (arm, params))
    told = [_told(node, profile, last) for node in nodes]
    for name in SHARED:
        values = {node.name: node.parameters[name] for node in told if name in node.parameters}
        if any(value != other for value, other in pairwise(values.values())):
            each = ", ".join(f"{value} for {node}" for node, value in values.items())
            raise InvalidInput(f"{name} is {each}: it has to be the same for all, so give it under /**")
    for node in told:
        if node.name == "arm_driver":
            arm_profile({each.name: node.parameters[each.name] for each in ARM_PARAMETERS})
    return told


def _told(node: NodeDescription, profile: Sequence[Override], last: Sequence[Override]) -> NodeDescription:
    known = {parameter.name: parameter for parameter in (*NODES[node.name], *EVERY_NODE)}
    of_arm = [each for each in ARM_PARAMETERS if each.name in SHARED or node.name in OF_ARM]
    values = {each.name: each.default for each in of_arm if each.name in known}
    values |= {name: value for name, value in _meant(profile, node).items() if name in values}
    values |= node.parameters
    values |= {name: value for name, value in _meant(last, node).items() if name in known}
    return replace(node, parameters={name: _sound(known[name], value) for name, value in values.items()})


def _meant(overrides: Sequence[Override], node: NodeDescription) -> dict[str, Any]:
    return {name: value for pattern, name, value in overrides if matches(pattern, f"/{node.label}")}


def _sound(parameter: Parameter, value: Any) -> Any:
    value = checked(parameter, value)
    if parameter.name in TOPICS and value:
        try:
            expand(value, "node", "/")
        except ValueError as error:
            raise InvalidInput(f"{parameter.name} is {value!r}, expected a topic's name, such as /arm/pose") from error
    return value


def _read(file: Path) -> list[Override]:
    """Every parameter in `file`, each of them one that its node has."""
    try:
        overrides = read_parameters(file)
    except ValueError as error:
        raise InvalidInput(str(error)) from error
    for pattern, name, _ in overrides:
        node = pattern.rpartition("/")[2]
        if "*" not in node and node not in NODES:
            raise InvalidInput(f"{file} is for node {node}, expected /** or one of {', '.join(NODES)}")
        known = {each.name for each in (*NODES[node], *EVERY_NODE)} if node in NODES else KNOWN
        if name not in known:
            raise InvalidInput(f"{file}: {unknown('parameter', name, sorted(known))}")
    return overrides
