"""The services by which others see and set a node's parameters."""

from typing import Any

from rcl_interfaces.msg import ListParametersResult, SetParametersResult
from rcl_interfaces.srv import (
    DescribeParameters,
    GetParameters,
    GetParameterTypes,
    ListParameters,
    SetParameters,
    SetParametersAtomically,
)

from .exceptions import ParameterNotDeclaredException
from .parameter import Parameter
from .qos import qos_profile_parameters


class ParameterService:
    """Six services under the node's name."""

    def __init__(self, node: Any) -> None:
        self._node = node
        for kind, name, callback in (
            (DescribeParameters, "describe_parameters", self._describe),
            (GetParameters, "get_parameters", self._get),
            (GetParameterTypes, "get_parameter_types", self._types),
            (ListParameters, "list_parameters", self._list),
            (SetParameters, "set_parameters", self._set),
            (SetParametersAtomically, "set_parameters_atomically", self._set_atomically),
        ):
            node.create_service(kind, f"~/{name}", callback, qos_profile=qos_profile_parameters)

    def _all_known(self, request: Any) -> bool:
        """Where one name is unknown, rclpy answers with an empty list."""
        return all(self._node.has_parameter(name) for name in request.names)

    def _describe(self, request: Any, response: Any) -> Any:
        if self._all_known(request):
            response.descriptors = [self._node.describe_parameter(name) for name in request.names]
        return response

    def _get(self, request: Any, response: Any) -> Any:
        known = [self._node.get_parameter_or(name) for name in request.names]
        if all(parameter.type_ != Parameter.Type.NOT_SET for parameter in known):
            response.values = [parameter.get_parameter_value() for parameter in known]
        return response

    def _types(self, request: Any, response: Any) -> Any:
        if self._all_known(request):
            response.types = [self._node.get_parameter_or(name).type_.value for name in request.names]
        return response

    def _list(self, request: Any, response: Any) -> Any:
        names, prefixes = self._node.get_parameters_by_prefix(""), set()
        result = ListParametersResult()
        for name in names:
            start = next(
                (prefix for prefix in request.prefixes if name == prefix or name.startswith(f"{prefix}.")), None
            )
            if request.prefixes and start is None:
                continue
            rest = name[len(start) + 1 :] if start else name
            if request.depth == 0 or rest.count(".") < request.depth:
                result.names.append(name)
                prefixes.add(name.rpartition(".")[0])
        result.prefixes = sorted(prefixes - {""})
        response.result = result
        return response

    def _set(self, request: Any, response: Any) -> Any:
        for message in request.parameters:
            try:
                (result,) = self._node.set_parameters([Parameter.from_parameter_msg(message)])
            except ParameterNotDeclaredException as error:
                result = SetParametersResult(successful=False, reason=f"not declared: {error}")
            response.results.append(result)
        return response

    def _set_atomically(self, request: Any, response: Any) -> Any:
        try:
            response.result = self._node.set_parameters_atomically(
                [Parameter.from_parameter_msg(message) for message in request.parameters]
            )
        except ParameterNotDeclaredException as error:
            response.result = SetParametersResult(successful=False, reason=f"not declared: {error}")
        return response
