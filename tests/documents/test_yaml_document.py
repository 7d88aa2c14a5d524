"""YAML as ROS 2 reads it, within limits: no input is anything but plain values or one named refusal."""

import math

import pytest
import yaml

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.documents import parse_yaml, yaml_text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("1e-3", 1e-3),
        ("-.5", -0.5),
        ("7", 7),
        ("0x1F", 31),
        (".inf", math.inf),
        ("yes", True),
        ("off", False),
        ("'7'", "7"),
        ("2026-11-27", "2026-11-27"),
        ("12:30", "12:30"),
        ("010", "010"),
        ("1_000", "1_000"),
        ("=", "="),
        ("[1, a, 2.0]", [1, "a", 2.0]),
        ("2: b\ntrue: c\n<<: d", {"2": "b", "true": "c", "<<": "d"}),
        ("a: 1\r\nb: x # note\r\n", {"a": 1, "b": "x"}),
    ],
)
def test_a_plain_value_is_what_it_looks_like(text, value):
    read = parse_yaml(text, "it")
    assert read == value and type(read) is type(value)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("a: 1\nb: &x 2", "it, line 2: an anchor or alias, expected every value written out"),
        ("a: *x", "it, line 1: an anchor or alias"),
        ("a: 1\nb: 2\na: 3", "it, line 3: key 'a' is there twice, expected once"),
        ("a:\n" + "[" * 51, "it, line 2: nested deeper than 50 levels"),
        ("[" + "1," * 20_000 + "]", "it, line 1: more than 20000 values"),
        ("a: " + "9" * 101, "it, line 1: an integer of 101 digits, expected at most 100"),
        ("a:\n  b: 1e400", "it, line 2: number 1e400, expected one below"),
        ("!!python/object/apply:os.system [x]", "it, line 1: a value of type tag:yaml.org,2002:python/"),
        ("!!timestamp 2026-11-27", "a value of type"),
        ("!!bool maybe", "'maybe', expected bool"),
        ("[a, b]: 1", "it, line 1: a key of several values, expected text"),
        ("a: [1\nb: 2", "it, line 2: not YAML"),
        ("a: 1\n--- \nb: 2", "it, line 2: not YAML"),
        ("a: 1\nb: \x1b[31m", "it, line 2: character 0x1b, expected text"),
        (r'a: "\0"', "it, line 1: text .* expected no NUL"),
        (r'a: "\ud800"', "it, line 1: text .* no surrogates"),
        (r'a: "\Uffffffff"', "it is not YAML"),
    ],
)
def test_what_is_not_plain_is_refused_with_its_place(text, named):
    with pytest.raises(InvalidInput, match=named):
        parse_yaml(text, "it")


def test_a_refusal_is_one_short_line_whatever_it_quotes():
    with pytest.raises(InvalidInput) as refused:
        parse_yaml("!" * 100_000, "it")
    assert len(str(refused.value)) < 400 and "\n" not in str(refused.value)


def test_text_that_ros_2_would_take_for_a_number_or_a_truth_is_written_in_quotes():
    for text in ("017322071690", "1e5", "0x1f", "1_000", ".5", "-7", "2020-01-01", "inf", "NaN", "y", "No", "0b1"):
        assert yaml_text({"a": text}) in (f"a: '{text}'\n", f'a: "{text}"\n')
    assert yaml_text({"a": 1, "b": 2.5, "c": True, "d": "arm/pose", "e": 1e-05}) == (
        "a: 1\nb: 2.5\nc: true\nd: arm/pose\ne: 1.0e-05\n"
    )


def test_what_is_written_is_read_back_by_us_and_by_others():
    twice = [1, 2.5, 1e-05]
    value = {"a": twice, "b": twice, "text": ["1e3", "12:30", "yes", "0x1", "", "~", "größe"], "none": None}
    assert parse_yaml(yaml_text(value), "it") == yaml.safe_load(yaml_text(value)) == value
    assert parse_yaml(yaml_text({"pair": (1, 2)}), "it") == {"pair": [1, 2]}


def test_any_damage_gives_plain_values_or_a_refusal(mutations):
    whole = b"/**:\n  ros__parameters:\n    rate: 60\n    box: [0.1, -2, 1e-3]\n    names: {a: 'x', b: \"\\u00e9\"}\n"
    for data in mutations(whole):
        try:
            value = parse_yaml(data.decode("utf-8", "replace"), "it")
        except InvalidInput as error:
            assert str(error).startswith("it")
        else:
            assert parse_yaml(yaml_text(value), "it") == value or "nan" in yaml_text(value)
