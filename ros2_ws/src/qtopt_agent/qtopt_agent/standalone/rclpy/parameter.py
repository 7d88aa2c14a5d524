"""Parameters: a name, a type and a value."""

from array import array
from enum import Enum
from typing import Any

from rcl_interfaces.msg import Parameter as ParameterMessage
from rcl_interfaces.msg import ParameterValue

# A bool is an int as well, so it comes first.
_SCALARS: tuple[tuple[type, str], ...] = ((bool, "BOOL"), (int, "INTEGER"), (float, "DOUBLE"), (str, "STRING"))


class Parameter:
    """A named value of one of the types that ROS 2 knows."""

    class Type(Enum):
        """Types, numbered as in rcl_interfaces/ParameterType."""

        NOT_SET = 0
        BOOL = 1
        INTEGER = 2
        DOUBLE = 3
        STRING = 4
        BYTE_ARRAY = 5
        BOOL_ARRAY = 6
        INTEGER_ARRAY = 7
        DOUBLE_ARRAY = 8
        STRING_ARRAY = 9

        @classmethod
        def from_parameter_value(cls, value: Any) -> "Parameter.Type":
            """The type of a Python value. Raises TypeError on one that is no parameter."""
            if value is None:
                return cls.NOT_SET
            for kind, name in _SCALARS:
                if isinstance(value, kind):
                    return cls[name]
            if isinstance(value, list | tuple | array):
                for kind, name in ((bytes, "BYTE"), *_SCALARS):
                    if all(isinstance(element, kind) for element in value):
                        return cls[f"{name}_ARRAY"]
            raise TypeError(f"The given value is not one of the allowed types '{value}'.")

    def __init__(self, name: str, type_: "Parameter.Type | None" = None, value: Any = None) -> None:
        actual = Parameter.Type.from_parameter_value(value)
        if type_ is not None and type_ != actual and not (isinstance(value, list | tuple) and not value):
            raise ValueError(f"Type '{type_}' and value '{value}' do not agree")
        self.name, self.type_, self.value = name, type_ or actual, value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Parameter) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Parameter(name={self.name!r}, type_={self.type_.name}, value={self.value!r})"

    def get_parameter_value(self) -> Any:
        """As rcl_interfaces/ParameterValue."""
        message = ParameterValue(type=self.type_.value)
        if self.type_ != Parameter.Type.NOT_SET:
            setattr(message, _field(self.type_), list(self.value) if isinstance(self.value, tuple) else self.value)
        return message

    def to_parameter_msg(self) -> Any:
        """As rcl_interfaces/Parameter."""
        return ParameterMessage(name=self.name, value=self.get_parameter_value())

    @classmethod
    def from_parameter_msg(cls, param_msg: Any) -> "Parameter":
        """From rcl_interfaces/Parameter."""
        return cls(param_msg.name, Parameter.Type(param_msg.value.type), parameter_value_to_python(param_msg.value))


def parameter_value_to_python(parameter_value: Any) -> Any:
    """The Python value in rcl_interfaces/ParameterValue."""
    kind = Parameter.Type(parameter_value.type)
    if kind == Parameter.Type.NOT_SET:
        return None
    value = getattr(parameter_value, _field(kind))
    return value.tolist() if isinstance(value, array) else value


def _field(kind: Parameter.Type) -> str:
    return f"{kind.name.lower()}_value"
