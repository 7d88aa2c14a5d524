"""demo, collect, evaluate and models, as a user runs them."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from PIL import Image
from typer.testing import CliRunner

from qtopt_agent.cli.main import app
from qtopt_agent.episodes.reader import find_episodes, find_partial, iter_episodes
from qtopt_agent.episodes.verify import verify

runner = CliRunner()


def run(*arguments):
    result = runner.invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_collect_adds_episodes_that_verify(tmp_path):
    out = tmp_path / "episodes"
    printed = run("collect", "--out", out, "--policy", "random", "--episodes", 3, "--workers", 1)
    assert f"3 episodes in {out}" in printed
    run("collect", "--out", out, "--episodes", 2, "--workers", 1, "--seed", 1)
    assert [verify(path) for path in find_episodes(out)] == [[]] * 5
    assert sorted(episode.policy for episode in iter_episodes(out)) == ["random"] * 3 + ["scripted"] * 2


def test_evaluate_prints_the_interval_and_writes_the_keys_promised(model, tmp_path):
    file = tmp_path / "out.json"
    printed = run("evaluate", "--model", model, "--episodes", 4, "--workers", 1, "--json", file, "--record")
    result = json.loads(file.read_text())
    promised = {"episodes", "successes", "success", "wilson_low", "wilson_high", "objects", "model", "seed"}
    assert promised <= result.keys()
    assert (result["episodes"], result["objects"], result["seed"]) == (4, "held-out", 0)
    assert f"{result['wilson_low']:.1%} to {result['wilson_high']:.1%}" in printed
    manifests = json.loads(run("models", "list", model.parent, "--json", "-"))
    assert manifests[0]["evaluations"] == [result]
    assert "untrained" in run("models", "list", model.parent)
    assert "as they should be" in run("models", "verify", model)
    (model / "q.safetensors").write_bytes(b"damaged")
    broken = runner.invoke(app, ["models", "verify", str(model)])
    assert broken.exit_code == 1 and "untrained is broken: " in broken.stdout


def test_evaluate_disturbed_gives_a_table_json_and_pictures(model, tmp_path):
    file, strip = tmp_path / "out.json", tmp_path / "strip.png"
    asked = ["evaluate", "--model", model, "--episodes", 2, "--workers", 1, "--disturb", "grey,late"]
    printed = run(*asked, "--json", file, "--pictures", strip)
    report = json.loads(file.read_text())
    assert list(report["results"]) == ["clean", "grey", "late"]
    for name, result in report["results"].items():
        row = next(line for line in printed.splitlines() if line.startswith(f"{name} "))
        assert f"{result['successes']}/2" in row and f"{result['wilson_low']:.1%} to" in row
    rates = [report["results"][name]["success"] for name in ("grey", "late")]
    assert report["mean_disturbed"] == sum(rates) / 2
    with Image.open(strip) as picture:
        assert picture.size == (3 * 32 * 3, 3 * 32 * 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--disturb", "fog"], "unknown disturbance fog"),
        (["--looks", "wild"], "setting looks.kind is 'wild', expected plain or randomised"),
        (["--looks", "camera", "--record"], "looks are 'camera', expected plain ones beside --record"),
        (["--disturb", "all", "--record"], "--disturb and --record: expected one of them"),
        (["--pictures", "x.png"], "--pictures x.png: expected --disturb beside it"),
    ],
)
def test_evaluate_refuses_looks_and_disturbances_that_do_not_fit(model, options, message):
    result = runner.invoke(app, ["evaluate", "--model", str(model), "--episodes", "1", *options])
    text = f"{result.output} {result.exception}"
    assert result.exit_code and message in text


def test_episodes_collected_with_looks_that_vary_are_others_by_the_same_seed(tmp_path):
    for looks in ("plain", "randomised"):
        run("collect", "--out", tmp_path / looks, "--episodes", 1, "--workers", 1, "--looks", looks)
    plain, varied = (next(iter_episodes(tmp_path / looks)) for looks in ("plain", "randomised"))
    assert plain.objects == varied.objects
    assert (plain.steps[0].observation.image != varied.steps[0].observation.image).any()


def test_the_demo_leaves_episodes_and_pictures(model, tmp_path):
    out = tmp_path / "demo"
    printed = run("demo", "--model", model, "--episodes", 2, "--out", out, "--workers", 1)
    assert "2 grasps" in printed
    assert "decisions/s" in printed
    assert len(list(find_episodes(out / "episodes"))) == 2
    for name in ("grasps.png", "grasps.gif"):
        assert str(out / name) in printed
        with Image.open(out / name) as picture:
            picture.load()


def test_the_demo_takes_the_newest_model_of_the_folder_models(model, monkeypatch, tmp_path):
    monkeypatch.chdir(model.parent.parent)
    printed = run("demo", "--episodes", 1, "--out", tmp_path / "demo", "--workers", 1)
    assert "model untrained" in printed


def test_a_model_acts_in_another_cell_and_its_manifest_hears_nothing_of_it(model, tmp_path):
    wide = tmp_path / "wide.yaml"
    run("cell", "new", wide)
    wide.write_text(wide.read_text().replace("aperture: 0.085", "aperture: 0.14").replace("[0.32, 0.32]", "[0.4, 0.4]"))
    printed = run("evaluate", "--model", model, "--episodes", 2, "--workers", 1, "--cell", wide)
    assert "of 2 grasps succeeded" in printed
    arguments = ["evaluate", "--model", str(model), "--episodes", "2", "--cell", str(wide), "--record"]
    assert "--record is for the model's own cell" in runner.invoke(app, arguments).output


def test_episodes_are_collected_in_a_cell_of_its_own(tmp_path):
    run("collect", "--out", tmp_path, "--episodes", 2, "--workers", 1, "--cell", "d435_wrist")
    first, second = iter_episodes(tmp_path)
    assert first.steps[0].observation.image.shape == second.steps[0].observation.image.shape == (32, 32, 3)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_ctrl_c_ends_collecting_with_130_whole_episodes_and_no_process(tmp_path):
    out = tmp_path / "episodes"
    command = [sys.executable, "-m", "qtopt_agent.cli.main", "collect", "--out", str(out), "--workers", "2"]
    process = subprocess.Popen(
        [*command, "--episodes", "100000"], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while process.poll() is None and len(list(out.glob("*/*/[!.]*"))) < 3:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: every process of the group gets it
    _, errors = process.communicate()
    assert process.returncode == 130, errors
    assert "stopped by Ctrl-C" in errors
    assert "Traceback" not in errors
    episodes = list(find_episodes(out))
    assert len(episodes) >= 3
    assert [verify(path) for path in episodes] == [[]] * len(episodes)
    assert list(find_partial(out)) == []
    deadline = time.monotonic() + 30  # only so that a process left behind fails the test instead of hanging it
    while left := living(process.pid):
        assert time.monotonic() < deadline, f"processes left: {left}"
        time.sleep(0.05)


def living(group):
    """Process ids of a process group, zombies aside."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat") as file:
                state, _, its_group = file.read().rpartition(")")[2].split()[:3]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(its_group) == group and state != "Z":
            found.append(int(entry))
    return found
