"""Exceptions of rclpy that nodes may see."""


class NotInitializedException(Exception):
    """rclpy.init() has not been called."""


class InvalidNodeNameException(ValueError):
    """A node name with characters that it must not have."""


class InvalidTopicNameException(ValueError):
    """A topic name with characters that it must not have."""


class InvalidServiceNameException(ValueError):
    """A service name with characters that it must not have."""


class ParameterException(Exception):
    """Base of what goes wrong with parameters."""


class ParameterNotDeclaredException(ParameterException):
    """The parameter was never declared."""


class ParameterAlreadyDeclaredException(ParameterException):
    """The parameter was declared before."""


class ParameterUninitializedException(ParameterException):
    """The parameter was declared by type and has no value yet."""


class InvalidParameterException(ParameterException):
    """The parameter's name is not valid."""


class InvalidParameterTypeException(ParameterException):
    """The value has another type than the one declared."""


class InvalidParameterValueException(ParameterException):
    """The value is out of range, or a callback refused it."""


class ParameterImmutableException(ParameterException):
    """The parameter is read-only."""
