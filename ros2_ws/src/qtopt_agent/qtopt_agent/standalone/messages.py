"""Message classes that behave as those that rosidl generates for Python, and their CDR bytes.

Setters reject what the generated ones reject under ROS_PYTHON_CHECK_FIELDS=1, with AssertionError as there: numpy
scalars, wrong types and lengths, integers out of range. Sequences of numbers are `array.array`, fixed arrays of them
numpy arrays.
"""

import math
from array import array
from collections import UserList
from collections.abc import Callable, Sequence, Set
from functools import cache
from typing import Any

import numpy as np
from rosbags.interfaces import Nodetype

from qtopt_agent.standalone.interfaces import DEFAULTS, typestore

_CODES = {  # of array.array, which are numpy's as well
    **{
        "int8": "b",
        "uint8": "B",
        "int16": "h",
        "uint16": "H",
        "int32": "i",
        "uint32": "I",
        "int64": "q",
        "uint64": "Q",
    },
    **{"float32": "f", "float64": "d", "char": "B"},
}
_FLOAT32_MAX = 3.402823466e38
Check = Callable[[Any], Any]


class Message:
    """Base of every message class. Takes field values by keyword only."""

    __slots__ = ()
    TYPE: str
    FIELDS: dict[str, "_Field"]

    def __init__(self, **values: Any) -> None:
        unknown = values.keys() - self.FIELDS.keys()
        assert not unknown, f"{self.TYPE} has no field {', '.join(sorted(unknown))}"
        for name, field in self.FIELDS.items():
            setattr(self, name, values[name] if name in values else field.default())

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        pairs = ((getattr(self, name), getattr(other, name)) for name in self.FIELDS)
        return all(np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b for a, b in pairs)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.FIELDS)
        return f"{self.TYPE.replace('/', '.')}({fields})"

    @classmethod
    def get_fields_and_field_types(cls) -> dict[str, str]:
        """Field names and their types, in the order of the definition."""
        return {name: field.typename for name, field in cls.FIELDS.items()}


class _Field:
    """One field: a data descriptor that checks what is assigned."""

    def __init__(self, name: str, desc: Any, default: Any) -> None:
        self.name, self.slot, self.label = name, f"_{name}", f"The '{name}' field"
        kind, about = desc
        self.sequence, self.array = kind == Nodetype.SEQUENCE, kind == Nodetype.ARRAY
        self.length: int
        (element_kind, element), self.length = about if self.sequence or self.array else (desc, 0)
        self.is_message = element_kind == Nodetype.NAME
        self.base: str = element if self.is_message else element[0]
        self.text_limit: int = 0 if self.is_message else element[1]  # most characters of a string; 0: any number
        self.code = _CODES.get(self.base) if self.sequence or self.array else None
        self.preset = default
        self.typename = self.base + (
            f"[{self.length}]" if self.array else f"[<={self.length or 'inf'}]" if self.sequence else ""
        )

    def __get__(self, message: Any, owner: type) -> Any:
        return self if message is None else getattr(message, self.slot)

    def __set__(self, message: Any, value: Any) -> None:
        setattr(message, self.slot, self.check_many(value) if self.sequence or self.array else self.check_one(value))

    def default(self) -> Any:
        """A fresh default value."""
        if self.preset is not None:
            return self.preset
        if self.sequence:
            return array(self.code) if self.code else []
        if self.array:
            return np.zeros(self.length, self.code) if self.code else [self.one() for _ in range(self.length)]
        return self.one()

    def one(self) -> Any:
        """The default of a single element."""
        if self.is_message:
            return message_class(self.base)()
        return {"bool": False, "string": "", "byte": b"\0", "float32": 0.0, "float64": 0.0}.get(self.base, 0)

    def check_one(self, value: Any) -> Any:
        """`value`, if it may be an element. Raises AssertionError where not."""
        if self.is_message:
            expected: type = message_class(self.base)
            assert isinstance(value, expected), (
                f"{self.label} must be a sub message of type '{self.base}', not {value!r}"
            )
        elif self.base == "string":
            assert isinstance(value, str), f"{self.label} must be of type 'str', not {value!r}"
            assert not self.text_limit or len(value) <= self.text_limit, (
                f"{self.label} is longer than {self.text_limit}"
            )
        elif self.base == "byte":
            assert isinstance(value, bytes) and len(value) == 1, (
                f"{self.label} must be 'bytes' of length 1, not {value!r}"
            )
        elif self.base == "bool":
            assert isinstance(value, bool), f"{self.label} must be of type 'bool', not {value!r}"
        elif self.base in ("float32", "float64"):
            assert isinstance(value, float), f"{self.label} must be of type 'float', not {value!r}"
            fits = self.base == "float64" or not abs(value) > _FLOAT32_MAX or math.isinf(value)
            assert fits, f"{self.label} must be a float in [-{_FLOAT32_MAX}, {_FLOAT32_MAX}], not {value!r}"
        else:
            assert isinstance(value, int), f"{self.label} must be of type 'int', not {value!r}"
            low, high = _bounds(self.base)
            assert low <= value <= high, f"{self.label} must be an integer in [{low}, {high}], not {value!r}"
        return value

    def check_many(self, value: Any) -> Any:
        """`value`, or its copy in the field's own container. Raises AssertionError where it does not fit."""
        if self.array and self.code and isinstance(value, np.ndarray):
            assert value.dtype == np.dtype(self.code), f"{self.label} must have the dtype {np.dtype(self.code)}"
            assert value.size == self.length, f"{self.label} must have a size of {self.length}, not {value.size}"
            return value
        if self.sequence and self.code and isinstance(value, array):
            assert value.typecode == self.code, f"{self.label} must have the type code '{self.code}'"
            assert not self.length or len(value) <= self.length, f"{self.label} must have a size <= {self.length}"
            return value
        kinds = (Sequence, Set, UserList)
        assert isinstance(value, kinds) and not isinstance(value, str), (
            f"{self.label} must be a sequence, not {value!r}"
        )
        if self.array:
            assert len(value) == self.length, f"{self.label} must have length {self.length}, not {len(value)}"
        elif self.length:
            assert len(value) <= self.length, f"{self.label} must have length <= {self.length}, not {len(value)}"
        if not (self.code == "B" and isinstance(value, bytes | bytearray)):
            for element in value:
                self.check_one(element)
        if not self.code:
            return value
        return array(self.code, value) if self.sequence else np.array(value, self.code)

    def to_wire(self, value: Any) -> Any:
        """The value as rosbags serialises it."""
        if not (self.sequence or self.array):
            if self.base == "byte":
                return int.from_bytes(value, signed=True)  # rosbags has bytes as int8
            return _wire_message(value) if self.is_message else value
        if self.code:
            return np.asarray(value, self.code)  # of an array.array: no copy
        if self.is_message:
            return [_wire_message(element) for element in value]
        if self.base == "byte":
            return np.frombuffer(b"".join(value), np.int8)
        return np.array(list(value), np.bool_) if self.base == "bool" else list(value)

    def from_wire(self, value: Any) -> Any:
        """The field's value from what rosbags read."""
        if not (self.sequence or self.array):
            if self.base == "byte":
                return value.to_bytes(1, signed=True)
            return _from_wire(self.base, value) if self.is_message else value
        if self.code and self.sequence:
            numbers = array(self.code)
            numbers.frombytes(np.ascontiguousarray(value).view(np.uint8).data)
            return numbers
        if self.code:
            return value
        if self.is_message:
            return [_from_wire(self.base, element) for element in value]
        if self.base == "byte":
            return [element.to_bytes(1, signed=True) for element in value.tolist()]
        return value.tolist() if self.base == "bool" else value


def _bounds(base: str) -> tuple[int, int]:
    bits = 8 if base == "char" else int(base.lstrip("uint"))
    return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if base.startswith("int") else (0, 2**bits - 1)


@cache
def message_class(name: str) -> Any:
    """The class of a ROS type such as `sensor_msgs/msg/Image`. Raises KeyError on one without a definition."""
    constants, fields = typestore().fielddefs[name]
    members = {
        field: _Field(field, desc, DEFAULTS.get(name, {}).get(field))
        for field, desc in fields
        if field != "structure_needs_at_least_one_member"
    }
    package, kind, base = name.split("/")
    body = {
        "__slots__": tuple(field.slot for field in members.values()),
        "__module__": f"{package}.{kind}",
        "TYPE": name,
        "FIELDS": members,
        **{constant: value for constant, _, value in constants},
        **members,
    }
    return type(base, (Message,), body)


def serialize(message: Message) -> bytes:
    """Little-endian CDR with its four leading bytes."""
    return bytes(typestore().serialize_cdr(_wire_message(message), message.TYPE, little_endian=True))


def deserialize(data: bytes, name: str) -> Any:
    """The message of type `name` in CDR `data`. Raises rosbags' SerdeError or ValueError on other bytes."""
    return _from_wire(name, typestore().deserialize_cdr(data, name))


def _wire_message(message: Message) -> Any:
    values = [field.to_wire(getattr(message, field.slot)) for field in message.FIELDS.values()]
    return typestore().types[message.TYPE](*(values or [0]))


def _from_wire(name: str, wire: Any) -> Any:
    cls = message_class(name)
    message = cls.__new__(cls)
    for field in cls.FIELDS.values():
        setattr(message, field.slot, field.from_wire(getattr(wire, field.name)))
    return message
