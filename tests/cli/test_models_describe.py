"""qtopt models describe."""

import json

from typer.testing import CliRunner

from qtopt_agent.cli.main import app

runner = CliRunner()


def describe(*arguments):
    return runner.invoke(app, ["models", "describe", *arguments])


def test_paper_network_as_json_has_the_published_size():
    described = json.loads(describe("--profile", "paper", "--json", "-").stdout)
    assert described["parameters"] == 1_242_817
    assert sum(layer["parameters"] for layer in described["layers"]) == 1_242_817
    assert described["image"] == [472, 472, 3]
    sizes = [layer["shape"][0] for layer in described["layers"] if len(layer["shape"]) == 3]
    assert list(dict.fromkeys(sizes)) == [236, 79, 27, 14, 12, 10, 8]


def test_table_names_every_layer():
    shown = describe()
    assert shown.exit_code == 0
    assert "compact: network compact" in shown.stdout and "image_layer" in shown.stdout


def test_unknown_profile_is_bad_input():
    refused = describe("--profile", "huge")
    assert refused.exit_code == 2
    assert "unknown profile 'huge', expected one of paper, compact, detailed, lowdim" in refused.stderr
