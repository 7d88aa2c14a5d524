"""A manifest is taken only where every field is what it has to be."""

import copy
import json
from pathlib import Path

import pytest

from qtopt_agent.core.errors import IncompatibleModel
from qtopt_agent.models.manifest import parse_manifest

RELEASED = Path(__file__).parents[2] / "models" / "compact-1" / "manifest.json"
FILE = Path("models/x/manifest.json")


@pytest.fixture(scope="module")
def manifest(published):
    return json.loads((published / "manifest.json").read_text())


def with_field(manifest, path, value):
    changed = copy.deepcopy(manifest)
    *parents, last = path.split(".")
    inner = changed
    for name in parents:
        inner = inner[name]
    inner[last] = value
    return json.dumps(changed).encode()


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        ("format", True, "format is True, expected a whole number from 1 to 4"),
        ("format", 99, "format is 99"),
        ("version", "../x", r"version is '\.\./x', expected letters"),
        ("version", "\x1b[2J", r"version is '\\x1b\[2J'"),
        ("created", "yesterday", "created is 'yesterday', expected a time with its zone"),
        ("created", "2026-01-01T00:00:00", "created is .* expected a time with its zone"),
        ("cell", "embedded", "cell is 'embedded', expected an object"),
        ("cell.jaw.apperture", 0.1, "cell: unknown setting jaw.apperture, the nearest"),
        ("cell.jaw.aperture", 0.4, "cell: jaw is 0.424 m wide"),
        ("specification.image_size", [10**6, 10**6], "specification.image_size is"),
        ("specification.extra", 1, "specification.'extra' is unknown"),
        ("network.name", "mlp", "network.name is 'mlp', profile compact has 'compact'"),
        ("network.aux_size", 10**9, "network.aux_size is 1000000000, expected a whole number from 0 to 1000"),
        ("network.kind", "dueling", "network.kind is 'dueling', expected scalar or"),
        ("network.mirrored", 1, "network.mirrored is 1, expected true or false"),
        ("network.risk_level", "1", "network.risk_level is '1', expected a number"),
        ("maximizer.name", "gradient", "maximizer.name is 'gradient', expected cem or"),
        ("maximizer.samples", 10**8, "maximizer.samples is 100000000, expected a whole number from 1 to 4096"),
        ("maximizer.iterations", 0, "maximizer.iterations is 0"),
        ("maximizer.elites", None, "maximizer.elites is None"),
        ("maximizer.levels", [1], "maximizer.'levels' is unknown"),
        ("maximizer", {"name": "grid", "levels": [2.0]}, "maximizer.levels is .* numbers from -1 to 1"),
        ("evaluations", [{"episodes": 1}], r"evaluations\[0\].successes is missing"),
        ("evaluations", [7], r"evaluations\[0\] is 7, expected an object"),
        ("sha256", {"policy.pt": "0" * 64}, "sha256.q.safetensors is missing"),
        ("sha256.../../etc/passwd", "0" * 64, "sha256"),
        ("notes", "", "'notes' is unknown"),
    ],
)
def test_a_field_that_is_wrong_is_named_with_its_value_and_what_was_expected(manifest, path, value, complaint):
    if path.startswith("sha256.."):
        data = json.dumps(manifest | {"sha256": manifest["sha256"] | {path.removeprefix("sha256."): value}}).encode()
    else:
        data = with_field(manifest, path, value)
    with pytest.raises(IncompatibleModel, match=f"^models/x/manifest.json: {complaint}"):
        parse_manifest(data, FILE)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "-1", "1.5"])
def test_numbers_that_are_none_are_refused(manifest, number):
    text = json.dumps(manifest).replace('"samples": 8', f'"samples": {number}')
    with pytest.raises(IncompatibleModel, match=r"models/x/manifest\.json"):
        parse_manifest(text.encode(), FILE)


def test_a_key_that_is_there_twice_is_refused(manifest):
    text = json.dumps(manifest).replace('"samples": 8', '"samples": 9, "samples": 8')
    with pytest.raises(IncompatibleModel, match="'samples' is there twice"):
        parse_manifest(text.encode(), FILE)


def test_older_formats_name_the_kind_of_q_function_in_the_preset_of_their_training():
    assert parse_manifest(RELEASED.read_bytes(), RELEASED)[1].kind == "scalar"
    older = json.loads(RELEASED.read_text())
    older["training"]["preset"] |= {"q_function": "quantile", "risk": "cvar", "risk_level": 0.25}
    spec = parse_manifest(json.dumps(older).encode(), RELEASED)[1]
    assert (spec.kind, spec.risk, spec.risk_level) == ("quantile", "cvar", 0.25)


def test_of_a_damaged_manifest_nothing_is_believed_silently(manifest, mutations):
    """Whatever passes is a manifest of the same kind: all that builds the policy is in range."""
    for damaged in mutations(json.dumps(manifest).encode()):
        try:
            found, spec = parse_manifest(damaged, FILE)
        except IncompatibleModel as error:
            assert str(FILE) in str(error) and str(error).isprintable()
            continue
        assert found.keys() == manifest.keys() and found["specification"] == manifest["specification"]
        assert 1 <= spec.search["samples"] <= 4096 and 0 <= spec.aux_size <= 1000
