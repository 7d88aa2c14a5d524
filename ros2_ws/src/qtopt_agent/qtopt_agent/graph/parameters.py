"""Parameters with a description, a range and a read-only flag, declared from plain descriptions."""

from collections.abc import Sequence
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node

from qtopt_agent.core.errors import InvalidInput, unknown
from qtopt_agent.core.parameter import Parameter, checked
from qtopt_agent.graph.settings import KNOWN


def declare(node: Node, parameters: Sequence[Parameter]) -> dict[str, Any]:
    """Declare `parameters`, all read-only, and return their values by name.

    Raises InvalidInput where one was given another type, or is out of range, or where the node was given one that no
    node has: rclpy would say nothing. Those of other nodes are let pass: a file may be meant for several.
    """
    try:
        declared = [node.declare_parameter(each.name, each.default, _descriptor(each)) for each in parameters]
    except (InvalidParameterTypeException, InvalidParameterValueException) as error:
        raise InvalidInput(str(error)) from error
    # rclpy has no public way to ask for them.
    for name in node._parameter_overrides:
        if not node.has_parameter(name) and name not in KNOWN and not name.startswith("qos_overrides."):
            raise unknown("parameter", name, sorted(KNOWN))
    return {each.name: checked(each, found.value) for each, found in zip(parameters, declared, strict=True)}


def _descriptor(parameter: Parameter) -> Any:
    descriptor = ParameterDescriptor(description=parameter.description, read_only=True)
    low, high = parameter.low, parameter.high
    if low is None or high is None or isinstance(parameter.default, list):  # ROS 2 has no range of what is in a list
        return descriptor
    if isinstance(parameter.default, float):
        descriptor.floating_point_range = [FloatingPointRange(from_value=low, to_value=high)]
    else:
        descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(high), step=1)]
    return descriptor
