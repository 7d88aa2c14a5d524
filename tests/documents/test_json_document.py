"""JSON of plain values, within limits: no input is anything but plain values or one named refusal."""

import json

import pytest

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.documents import parse_json


def test_json_is_read():
    value = {"a": [1, -2.5e3, True, None, "größe", {}], "seed": 2**128}
    assert parse_json(json.dumps(value), "it") == value


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('{"a": 1,\n "a": 2}', "it: key 'a' is there twice, expected once"),
        ('{"a":\n}', "it, line 2: not JSON"),
        ("", "it, line 1: not JSON"),
        ("[NaN]", "it: number NaN, expected a finite one"),
        ("-Infinity", "it: number -Infinity"),
        ("1e400", "it: number 1e400, expected one below"),
        ("9" * 101, "it: an integer of 101 digits, expected at most 100"),
        ("[" * 51 + "]" * 51, "it: nested deeper than 50 levels"),
        ("[" * 100_000, "it: nested deeper than 50 levels"),
        ("[" + "1," * 20_000 + "1]", "it: more than 20000 values"),
        (r'["\ud800"]', "it: text .* no surrogates"),
        (r'{"\u0000": 1}', "it: text .* expected no NUL"),
    ],
)
def test_what_is_not_plain_is_refused(text, named):
    with pytest.raises(InvalidInput, match=named):
        parse_json(text, "it")


def test_any_damage_gives_plain_values_or_a_refusal(mutations):
    whole = b'{"format": 2, "name": "compact\\u00e9", "numbers": [1, 2.5, -3e-4, null, true], "inner": {"a": {}}}'
    for data in mutations(whole):
        try:
            value = parse_json(data.decode("utf-8", "replace"), "it")
        except InvalidInput as error:
            assert str(error).startswith("it")
        else:
            assert json.loads(json.dumps(value, allow_nan=False)) == value
