"""The parameters of a node: declaration, overrides, constraints, callbacks."""

import math
import threading
from collections.abc import Callable, Iterable
from typing import Any

from rcl_interfaces.msg import ParameterDescriptor, ParameterValue, SetParametersResult

from .exceptions import (
    InvalidParameterException,
    InvalidParameterTypeException,
    InvalidParameterValueException,
    ParameterAlreadyDeclaredException,
    ParameterImmutableException,
    ParameterNotDeclaredException,
    ParameterUninitializedException,
)
from .parameter import Parameter, parameter_value_to_python

_REL_TOL = 1e-6


class Parameters:
    """The part of Node that holds parameters."""

    def __init__(self, overrides: dict[str, Any]) -> None:
        self._parameters: dict[str, Parameter] = {}
        self._descriptors: dict[str, Any] = {}
        self._parameter_overrides = overrides
        self._on_set_callbacks: list[Callable[[list[Parameter]], Any]] = []
        self._post_set_callbacks: list[Callable[[list[Parameter]], Any]] = []
        self._parameter_lock = threading.RLock()

    def declare_parameter(
        self, name: str, value: Any = None, descriptor: Any = None, ignore_override: bool = False
    ) -> Parameter:
        """Declare a parameter by its default, or by a Parameter.Type; an override from outside comes first.

        Raises ParameterAlreadyDeclaredException, InvalidParameterException on a bad name, ValueError without a type,
        InvalidParameterTypeException, InvalidParameterValueException on a value out of range or refused by a callback.
        """
        return self.declare_parameters("", [(name, value, descriptor or ParameterDescriptor())], ignore_override)[0]

    def declare_parameters(
        self, namespace: str, parameters: list[tuple[Any, ...]], ignore_override: bool = False
    ) -> list[Parameter]:
        """Declare several: (name, default or type) or (name, default or type, descriptor)."""
        declared = []
        for short, value, *rest in parameters:
            name = f"{namespace}.{short}" if namespace else short
            descriptor = rest[0] if rest else ParameterDescriptor()
            if not isinstance(name, str) or not name:
                raise InvalidParameterException(name)
            if name in self._parameters:
                raise ParameterAlreadyDeclaredException(name)
            if isinstance(value, ParameterValue):
                value = parameter_value_to_python(value)
            if isinstance(value, Parameter.Type):
                descriptor.type, value = value.value, None
            elif not descriptor.dynamic_typing:
                descriptor.type = Parameter.Type.from_parameter_value(value).value
            if not descriptor.dynamic_typing and descriptor.type == Parameter.Type.NOT_SET.value:
                raise ValueError(
                    "Cannot declare a statically typed parameter with default value of type PARAMETER_NOT_SET"
                )
            if not ignore_override and name in self._parameter_overrides:
                value = self._parameter_overrides[name]
            descriptor.name = name
            parameter = self._typed(Parameter(name, value=value), descriptor)
            result = self._set([parameter], {name: descriptor}, declaring=True)
            if not result.successful:
                kind = Parameter.Type(descriptor.type).name
                if result.reason.startswith("Wrong parameter type"):
                    raise InvalidParameterTypeException(f"{name}: expected {kind}, got {parameter}")
                raise InvalidParameterValueException(f"{name} is {parameter.value!r}: {result.reason}")
            declared.append(parameter)
        return declared

    def undeclare_parameter(self, name: str) -> None:
        """Forget a parameter. Raises ParameterImmutableException on a read-only one."""
        if self.describe_parameter(name).read_only:
            raise ParameterImmutableException(name)
        del self._parameters[name], self._descriptors[name]

    def has_parameter(self, name: str) -> bool:
        """Whether it was declared."""
        return name in self._parameters

    def get_parameter(self, name: str) -> Parameter:
        """Raises ParameterNotDeclaredException, or ParameterUninitializedException while it has no value."""
        if name not in self._parameters:
            raise ParameterNotDeclaredException(name)
        parameter = self._parameters[name]
        if parameter.type_ == Parameter.Type.NOT_SET and not self._descriptors[name].dynamic_typing:
            raise ParameterUninitializedException(name)
        return parameter

    def get_parameters(self, names: Iterable[str]) -> list[Parameter]:
        """`get_parameter` for each name."""
        return [self.get_parameter(name) for name in names]

    def get_parameter_or(self, name: str, alternative_value: Parameter | None = None) -> Parameter:
        """The parameter, or `alternative_value` where it is not declared or has no value."""
        known = self._parameters.get(name)
        if known is None or known.type_ == Parameter.Type.NOT_SET:
            return alternative_value or Parameter(name)
        return known

    def get_parameters_by_prefix(self, prefix: str) -> dict[str, Parameter]:
        """Parameters whose names begin with `prefix` and a dot, by the rest of the name."""
        start = f"{prefix}." if prefix else ""
        return {name[len(start) :]: known for name, known in self._parameters.items() if name.startswith(start)}

    def describe_parameter(self, name: str) -> Any:
        """Its descriptor. Raises ParameterNotDeclaredException."""
        if name not in self._descriptors:
            raise ParameterNotDeclaredException(name)
        return self._descriptors[name]

    def set_parameters(self, parameter_list: list[Parameter]) -> list[Any]:
        """Set each on its own; one SetParametersResult each. Raises ParameterNotDeclaredException before any is set."""
        self._check_declared(parameter_list)
        return [self._set([parameter], self._descriptors) for parameter in parameter_list]

    def set_parameters_atomically(self, parameter_list: list[Parameter]) -> Any:
        """Set all or none."""
        self._check_declared(parameter_list)
        return self._set(parameter_list, self._descriptors)

    def add_on_set_parameters_callback(self, callback: Callable[[list[Parameter]], Any]) -> None:
        """`callback(parameters)` returns a SetParametersResult and may refuse them; the last added is asked first."""
        self._on_set_callbacks.insert(0, callback)

    def add_post_set_parameters_callback(self, callback: Callable[[list[Parameter]], Any]) -> None:
        """`callback(parameters)` is called after they were set."""
        self._post_set_callbacks.insert(0, callback)

    def _check_declared(self, parameters: list[Parameter]) -> None:
        undeclared = [parameter.name for parameter in parameters if parameter.name not in self._parameters]
        if undeclared:
            raise ParameterNotDeclaredException(undeclared)

    def _set(self, parameters: list[Parameter], descriptors: dict[str, Any], declaring: bool = False) -> Any:
        with self._parameter_lock:
            parameters = [self._typed(parameter, descriptors[parameter.name]) for parameter in parameters]
            for parameter in parameters:
                reason = _refusal(parameter, descriptors[parameter.name], declaring)
                if reason:
                    return SetParametersResult(successful=False, reason=reason)
            for callback in self._on_set_callbacks:
                result = callback(parameters)
                if not result.successful:
                    return result
            for parameter in parameters:
                self._parameters[parameter.name] = parameter
                self._descriptors[parameter.name] = descriptors[parameter.name]
            for callback in self._post_set_callbacks:
                callback(parameters)
        return SetParametersResult(successful=True)

    @staticmethod
    def _typed(parameter: Parameter, descriptor: Any) -> Parameter:
        """An empty list has the type of its declaration."""
        empty = isinstance(parameter.value, list | tuple) and not parameter.value
        if empty and Parameter.Type(descriptor.type).name.endswith("_ARRAY"):
            return Parameter(parameter.name, Parameter.Type(descriptor.type), parameter.value)
        return parameter


def _refusal(parameter: Parameter, descriptor: Any, declaring: bool) -> str:
    """Why the parameter may not have this value; empty if it may."""
    if descriptor.read_only and not declaring:
        return f"Trying to set a read-only parameter: {parameter.name}."
    if descriptor.dynamic_typing:
        descriptor.type = parameter.type_.value
    elif parameter.type_ == Parameter.Type.NOT_SET:
        return "" if declaring else "Static parameter cannot be undeclared"
    elif parameter.type_.value != descriptor.type:
        return f"Wrong parameter type, expected '{Parameter.Type(descriptor.type)}' got '{parameter.type_}'"
    if parameter.type_ == Parameter.Type.INTEGER and descriptor.integer_range:
        return _outside(parameter, descriptor.integer_range[0])
    if parameter.type_ == Parameter.Type.DOUBLE and descriptor.floating_point_range:
        return _outside(parameter, descriptor.floating_point_range[0])
    return ""


def _outside(parameter: Parameter, limits: Any) -> str:
    value, low, high = parameter.value, *sorted((limits.from_value, limits.to_value))
    if any(math.isclose(value, edge, rel_tol=_REL_TOL) for edge in (low, high)):
        return ""
    if not low < value < high:
        return f"Parameter {parameter.name} out of range. Min: {low}, Max: {high}, value: {value}"
    if limits.step:
        nearest = low + round((value - low) / limits.step) * limits.step
        if not math.isclose(nearest, value, rel_tol=_REL_TOL):
            return f"The parameter value for {parameter.name} is not a valid step. Value: {value}, step: {limits.step}"
    return ""
