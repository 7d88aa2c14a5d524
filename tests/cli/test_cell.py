"""qtopt cell: from a new file to a checked and calibrated one; what is there is not written over unasked."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from qtopt_agent.cells.cell_file import cell_names, load_cell, write_cell
from qtopt_agent.cli import listener
from qtopt_agent.cli.main import app
from qtopt_agent.core.cell import Cell

from ..cells.rendered import boards_seen, photograph, poses_yaml, save, tips_of


def run(*words, code=0):
    result = CliRunner().invoke(app, ["cell", *map(str, words)])
    assert result.exit_code == code, result.output
    return result.stdout if code == 0 else result.stderr


@pytest.fixture
def there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", cell_names())
def test_a_new_cell_is_a_copy_of_the_one_that_it_is_from(there, name):
    run("new", "my.yaml", "--from", name)
    assert load_cell("my.yaml") == load_cell(name)
    assert "my.yaml is there already, expected a new file" in run("new", "my.yaml", code=2)
    assert load_cell("my.yaml") == load_cell(name)
    run("new", "other.yaml", "--from", "my.yaml")
    assert load_cell("other.yaml") == load_cell(name)


def test_a_new_cell_may_be_in_a_new_folder_and_come_from_a_file_of_any_name(there):
    run("new", "odd\nname: 3.yaml")
    run("new", "a/b/my.yaml", "--from", "odd\nname: 3.yaml")
    assert load_cell("a/b/my.yaml") == Cell()


def test_a_new_cell_has_a_name_by_which_it_can_be_read(there):
    assert "my.yml: expected the name of a cell's file to end in .yaml" in run("new", "my.yml", code=2)
    assert not list(there.iterdir())


def test_a_cell_is_shown_with_every_setting_and_what_follows(there):
    shown = run("show", "d435_wrist")
    for setting, value in load_cell("d435_wrist").settings().items():
        assert setting in shown
        assert not isinstance(value, float) or str(value) in shown
    assert "54.8, 42.5" in shown and "80, 0, 480, 480" in shown
    said = json.loads(run("show", "d435_wrist", "--json", "-"))
    assert said["cell"] == load_cell("d435_wrist").grouped()
    assert said["derived"] == {
        "view": [54.8, 42.5],
        "window": [80, 0, 480, 480],
        "focal length": [617.0, 617.0],
        "mirror images": ["across"],
    }


@pytest.fixture
def picture(there):
    """Lines here and there, of the size of d435_wrist's stream."""
    drawn = np.full((480, 640, 3), 90, np.uint8)
    drawn[::60] = drawn[:, ::60] = 250
    save(drawn, there / "photo.png")
    return there / "photo.png"


def test_a_check_draws_the_cell_into_the_photograph_and_measures_the_jaw(there, picture):
    shown = run("check", "d435_wrist", picture, "--out", "overlay.png")
    assert "px from the nearest in the photograph" in shown and "overlay.png" in shown
    assert (there / "overlay.png").read_bytes() != picture.read_bytes()
    said = json.loads(run("check", "d435_wrist", picture, "--out", "overlay.png", "--json", "-"))
    assert said["pose"] == [0.0, 0.0, pytest.approx(0.19), 0.0] and 0 < said["jaw_distance_px"] < 30
    before = (there / "overlay.png").read_bytes()
    run("check", "d435_wrist", picture, "--out", "overlay.png", "--pose", "-0.02,0.03,0.17,0.5")
    assert (there / "overlay.png").read_bytes() != before
    sideways = replace(Cell(), camera=replace(load_cell("d435_wrist").camera, orientation=(0.0, 0.7, 0.0, 0.7)))
    write_cell(sideways, there / "sideways.yaml", "looks away from the jaw")
    assert "jaw:     not in the picture" in run("check", "sideways.yaml", picture, "--out", "overlay.png")


def test_a_topic_takes_the_place_of_a_photograph(there, picture, monkeypatch):
    asked = []

    def heard_by(node, parameters):
        asked.append((node, parameters["topic"]))
        shutil.copy(picture, parameters["file"])
        return "" if parameters["topic"] == "/camera" else "no picture on /other within 5 s"

    monkeypatch.setattr(listener, "heard_by", heard_by)
    shown = run("check", "d435_wrist", "--topic", "/camera", "--out", "live.png")
    assert shown.splitlines()[0] == run("check", "d435_wrist", picture, "--out", "overlay.png").splitlines()[0]
    assert (there / "live.png").read_bytes() == (there / "overlay.png").read_bytes()
    assert asked == [("snapshot", "/camera")]
    assert "no picture on /other" in run("check", "d435_wrist", "--topic", "/other", "--out", "o.png", code=2)
    assert "the picture on /camera is 640x480 px" in run(
        "check", "embedded", "--topic", "/camera", "--out", "o.png", code=2
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("embedded", "photo.png", "--out", "o.png"),
            "photo.png is 640x480 px, expected the size of the cell's stream, 480x480",
        ),
        (("d435_wrist", "photo.png", "--out", "o.jpg"), "o.jpg: expected the name of a picture to end in .png"),
        (("d435_wrist", "photo.png", "--out", "photo.png"), "photo.png is the photograph, expected another file"),
        (("d435_wrist", "no.png", "--out", "o.png"), "no.png is no file, expected a picture"),
        (("d435_wrist", "/dev/zero", "--out", "o.png"), "/dev/zero is no file, expected a picture"),
        (("d435_wrist", "photo.png", "--out", "o.png", "--pose", "1,2,3"), "pose is '1,2,3', expected X,Y,Z,YAW"),
        (("d435_wrist", "photo.png", "--out", "o.png", "--pose", "0,0,nan,0"), "expected numbers from -10 to 10"),
        (("d435", "photo.png", "--out", "o.png"), "unknown cell 'd435'"),
        (("d435_wrist", "--out", "o.png"), "expected either a photograph or --topic"),
        (("d435_wrist", "--topic", "no good", "--out", "o.png"), "topic is 'no good', expected a topic's name"),
        (
            ("d435_wrist", "photo.png", "--topic", "/camera", "--out", "o.png"),
            "expected either a photograph or --topic",
        ),
    ],
)
def test_what_cannot_be_checked_is_refused_by_name(there, picture, words, said):
    assert said in run("check", *words, code=2)
    assert [each.name for each in there.iterdir()] == ["photo.png"]


@pytest.fixture(scope="module")
def board_pictures(tmp_path_factory):
    """Seven pictures of a board by d435_wrist, one of nothing, and two without a pose."""
    folder, camera = tmp_path_factory.mktemp("board"), load_cell("d435_wrist").camera
    boards = boards_seen(camera, 7, np.random.default_rng(7))
    for i, board in enumerate(boards):
        save(photograph(camera, board), folder / f"{i}.png")
    for name in ("dark.png", "other.png", "{x}.png"):
        save(np.zeros((480, 640, 3), np.uint8), folder / name)
    tips = {f"{i}.png": tips_of(camera, board) for i, board in enumerate(boards)}
    (folder / "poses.yaml").write_text(poses_yaml({**tips, "dark.png": np.eye(4)}))
    return folder


def test_a_calibration_writes_the_cell_and_says_how_sure_it_is(there, board_pictures):
    run("new", "bracket.yaml", "--from", "d435_wrist")
    text = (there / "bracket.yaml").read_text()
    (there / "bracket.yaml").write_text(text.replace("[0.0, -0.085, 0.14]", "[0.0, -0.075, 0.14]"))
    shown = run("calibrate", "bracket.yaml", board_pictures, "--out", "mine.yaml", "--json", "said.json")
    assert "pictures: 7 used, 3 left out" in shown
    assert "left out: {x}.png: has no pose in poses.yaml" in shown
    assert "left out: other.png: has no pose in poses.yaml" in shown
    assert "left out: dark.png: 0 markers and 0 corners seen" in shown
    found, truth = load_cell("mine.yaml"), load_cell("d435_wrist")
    np.testing.assert_allclose(found.camera.position, truth.camera.position, atol=0.001)
    np.testing.assert_allclose(found.camera.orientation, truth.camera.orientation, atol=0.002)
    assert found.grouped() | {"camera": 0} == truth.grouped() | {"camera": 0}
    said = json.loads((there / "said.json").read_text())
    assert said["moved_mm"] == pytest.approx(10, abs=1) and said["turned_degrees"] < 0.2
    assert said["position_m"] == list(found.camera.position)
    assert 0 < said["position_deviation_mm"] < 0.5 and 0 < said["angle_deviation_degrees"] < 0.1
    assert said["pictures"].keys() == {f"{i}.png" for i in range(7)}
    assert 0 < said["residual_px"] < 0.3 and said["arm_error_mm"] < 0.2


def test_a_cell_that_is_there_is_written_over_only_when_asked(there, board_pictures):
    run("new", "mine.yaml", "--from", "d405_wrist")
    before = (there / "mine.yaml").read_text()
    said = run("calibrate", "d435_wrist", board_pictures, "--out", "mine.yaml", code=2)
    assert "mine.yaml is there already, expected a new file" in said
    assert (there / "mine.yaml").read_text() == before
    run("calibrate", "d435_wrist", board_pictures, "--out", "mine.yaml", "--over")
    assert load_cell("mine.yaml").camera.fx == 617.0


def test_a_residual_above_the_limit_is_refused_and_nothing_is_written(there, board_pictures):
    text = (board_pictures / "poses.yaml").read_text()
    first, second = (line.partition(": {")[2] for line in text.splitlines()[2:4])
    wrong = there / "wrong"
    wrong.mkdir()
    for each in board_pictures.iterdir():
        (wrong / each.name).write_bytes(each.read_bytes())
    (wrong / "poses.yaml").write_text(text.replace(first, "?").replace(second, first).replace("?", second))
    said = run("calibrate", "d435_wrist", wrong, "--out", "mine.yaml", code=2)
    assert "px, expected at most 2; it is largest in" in said
    assert [each.name for each in there.iterdir()] == ["wrong"]
