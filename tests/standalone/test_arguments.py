"""--ros-args as ROS 2 reads them."""

from pathlib import Path
from typing import Any

import pytest

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.standalone.arguments import UnknownROSArgsError, parse, read_parameters
from qtopt_agent.standalone.names import resolve


def test_only_what_follows_ros_args_is_read_and_the_rest_is_kept() -> None:
    parsed = parse(["mine", "--ros-args", "-p", "a:=1", "--", "-p", "--ros-args", "-r", "x:=y"])
    assert parsed.others == ["mine", "-p"]
    assert parsed.overrides == [("/**", "a", 1)] and parsed.remaps == [(None, "x", "y")]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("1.0", 1.0),
        ("1e-3", 0.001),
        ("2E5", 2e5),
        (".5", 0.5),
        ("true", True),
        ("'1'", "1"),
        ("v1.2", "v1.2"),
        ("[1.0, 2.0]", [1.0, 2.0]),
    ],
)
def test_values_have_the_type_that_they_look_like(text: str, value: object) -> None:
    ((_, _, read),) = parse(["--ros-args", "-p", f"x:={text}"]).overrides
    assert read == value and type(read) is type(value)


@pytest.mark.parametrize(
    ("pattern", "node", "fits"),
    [
        ("/**", "/a/b", True),
        ("/**/b", "/a/b", True),
        ("/**/b", "/b", True),
        ("/*/b", "/a/b", True),
        ("/*/b", "/b", False),
        ("/a/b", "/a/b", True),
        ("/a", "/a/b", False),
        ("/a.b", "/axb", False),
        ("/**" * 300 + "/x", "/a/b/c/d", False),
    ],
)
def test_a_file_speaks_to_the_nodes_that_its_keys_fit(tmp_path: Path, pattern: str, node: str, fits: bool) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(f"{pattern}:\n  ros__parameters: {{x: 1}}\n")
    parsed = parse(["--ros-args", "--params-file", str(file)])
    assert parsed.parameters(node) == ({"x": 1} if fits else {})


def test_the_last_setting_counts(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text("/**:\n  ros__parameters: {x: 1, y: 1}\n")
    assert parse(["--ros-args", "--params-file", str(file), "-p", "x:=2"]).parameters("/n") == {"x": 2, "y": 1}


@pytest.mark.parametrize("text", ["- a\n", "/**: {x: 1}\n", "/**:\n"])
def test_a_file_of_another_form_is_refused_by_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"p\.yaml"):
        read_parameters(file)


@pytest.mark.parametrize("words", [["-p"], ["-p", "x"], ["-r", ":=y"]])
def test_broken_rules_are_refused(words: list[str]) -> None:
    with pytest.raises(ValueError):
        parse(["--ros-args", *words])


def test_unknown_flags_are_refused() -> None:
    with pytest.raises(UnknownROSArgsError, match="--fast"):
        parse(["--ros-args", "--fast"])


def test_a_remap_meant_for_one_node_leaves_the_others() -> None:
    remaps = parse(["--ros-args", "-r", "camera:image:=/wrist/image"]).remaps
    assert resolve("image", "camera", "/", remaps) == "/wrist/image"
    assert resolve("image", "agent", "/", remaps) == "/image"


def test_any_damage_of_a_parameter_file_gives_parameters_or_a_refusal_by_name(tmp_path: Path, mutations: Any) -> None:
    file = tmp_path / "p.yaml"
    own = b"/a/driver:\n  ros__parameters: {name: 'x', box: [1]}\n"
    whole = b"/**:\n  ros__parameters: {rate: 60, limits: {speed: 1e-1}}\n" + own
    for data in mutations(whole):
        file.write_bytes(data)
        try:
            found = parse(["--ros-args", "--params-file", str(file)]).parameters("/a/driver")
        except InvalidInput as error:
            assert str(file) in str(error)
        else:
            assert all(isinstance(name, str) for name in found)
