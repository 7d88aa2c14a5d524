"""Parameters of a node: their types and ranges, and where their values come from."""

import tempfile

from harness import alone, raises
from rcl_interfaces.msg import IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.exceptions import (
    InvalidParameterTypeException,
    InvalidParameterValueException,
    ParameterAlreadyDeclaredException,
    ParameterNotDeclaredException,
    ParameterUninitializedException,
)
from rclpy.parameter import Parameter


def check_parameters_keep_their_declared_type():
    with alone() as node:
        assert node.declare_parameter("gain", 1.5).value == 1.5
        assert node.get_parameter("gain").type_ == Parameter.Type.DOUBLE
        raises(ParameterAlreadyDeclaredException, node.declare_parameter, "gain", 2.0)
        raises(ParameterNotDeclaredException, node.get_parameter, "other")
        raises(ParameterNotDeclaredException, node.set_parameters, [Parameter("other", value=1)])
        assert not node.set_parameters([Parameter("gain", value=2)])[0].successful
        assert node.set_parameters([Parameter("gain", value=2.5)])[0].successful
        assert node.get_parameter("gain").value == 2.5
        node.declare_parameter("unset", Parameter.Type.STRING)
        raises(ParameterUninitializedException, node.get_parameter, "unset")
        assert node.get_parameter_or("unset", Parameter("unset", value="x")).value == "x"
        raises(ValueError, node.declare_parameter, "nothing", None, ParameterDescriptor())
        assert node.has_parameter("gain") and not node.has_parameter("other")
        node.declare_parameters("arm", [("speed", 1), ("names", ["a"])])
        assert set(node.get_parameters_by_prefix("arm")) == {"speed", "names"}


def check_parameters_stay_in_range():
    limits = ParameterDescriptor(integer_range=[IntegerRange(from_value=2, to_value=10, step=2)])
    with alone("-p", "late:=20") as node:
        node.declare_parameter("even", 4, limits)
        said = [node.set_parameters([Parameter("even", value=v)])[0].successful for v in (2, 10, 6, 5, 12, 0)]
        assert said == [True, True, True, False, False, False], said
        limits = ParameterDescriptor(integer_range=[IntegerRange(from_value=2, to_value=10)])
        raises(InvalidParameterValueException, node.declare_parameter, "late", 4, limits)


def check_a_node_can_be_asked_what_it_was_given_and_never_declared():
    with alone("-p", "gain:=2.5", "-p", "limits.sped:=1.0") as node:
        node.declare_parameter("gain", 1.5)
        assert {name for name in node._parameter_overrides if not node.has_parameter(name)} == {"limits.sped"}


def check_parameters_come_from_the_command_line():
    args = ["-p", "gain:=2.5", "-p", "count:=3", "-p", "on:=true", "-p", "word:=hello", "-p", "list:=[1, 2]"]
    with alone(*args, "-p", "tiny:=1e-3", "-p", "alone:mine:=yes_", "-p", "another:mine:=no_") as node:
        defaults = {"gain": 1.0, "count": 1, "on": False, "word": "", "list": [0], "tiny": 1.0, "mine": ""}
        values = {name: node.declare_parameter(name, value).value for name, value in defaults.items()}
        values["list"] = list(values["list"])
        expected = {"gain": 2.5, "count": 3, "on": True, "word": "hello", "list": [1, 2], "tiny": 0.001, "mine": "yes_"}
        assert values == expected, values
    with alone("-p", "gain:=2") as node:
        raises(InvalidParameterTypeException, node.declare_parameter, "gain", 1.0)


def check_parameters_come_from_a_file():
    text = """
/**:
  ros__parameters:
    gain: 2.5
    arm: {limits: {speed: 0.25}, names: [a, b]}
alone:
  ros__parameters: {mine: 1}
/elsewhere/alone:
  ros__parameters: {mine: 2}
other:
  ros__parameters: {mine: 3}
"""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(text)
        file.flush()
        with alone("--params-file", file.name) as node:
            assert node.declare_parameter("gain", 1.0).value == 2.5
            assert node.declare_parameter("arm.limits.speed", 1.0).value == 0.25
            assert list(node.declare_parameter("arm.names", ["x"]).value) == ["a", "b"]
            assert node.declare_parameter("mine", 0).value == 1
        with alone("--params-file", file.name, "-p", "gain:=4.0", "-r", "__ns:=/elsewhere") as node:
            assert node.declare_parameter("gain", 1.0).value == 4.0
            assert node.declare_parameter("mine", 0).value == 2


def check_a_callback_may_refuse_parameters():
    with alone() as node:
        node.declare_parameters("", [("low", 1), ("high", 2)])

        def judge(parameters):
            new = {parameter.name: parameter.value for parameter in parameters}
            fine = new.get("low", node.get_parameter("low").value) < new.get("high", node.get_parameter("high").value)
            return SetParametersResult(successful=fine, reason="low must be below high")

        seen = []
        node.add_on_set_parameters_callback(judge)
        node.add_post_set_parameters_callback(seen.extend)
        answer = node.set_parameters([Parameter("low", value=5)])[0]
        assert not answer.successful and answer.reason == "low must be below high"
        both = [Parameter("low", value=5), Parameter("high", value=6)]
        assert node.set_parameters_atomically(both).successful
        assert [parameter.name for parameter in seen] == ["low", "high"]
