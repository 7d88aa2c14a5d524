"""A folder of pictures of a board: what is in it is measured, left out with a reason, or refused by name."""

import cv2
import numpy as np
import pytest

from qtopt_agent.cells.board import Board
from qtopt_agent.cells.board_pictures import read_views
from qtopt_agent.cells.cell_file import load_cell
from qtopt_agent.cells.pinhole import Lens, moved
from qtopt_agent.core.errors import InvalidInput

from .rendered import boards_seen, photograph, poses_yaml, save, tips_of, turn

CAMERA = load_cell("d435_wrist").camera
SEEN = boards_seen(CAMERA, 1, np.random.default_rng(5))[0]
GREY = np.full((480, 640, 3), 90, np.uint8)


@pytest.fixture(scope="module")
def picture():
    return photograph(CAMERA, SEEN)


@pytest.fixture
def folder(tmp_path, picture):
    """01.png shows the board."""
    save(picture, tmp_path / "01.png")
    (tmp_path / "poses.yaml").write_text(poses_yaml({"01.png": tips_of(CAMERA, SEEN)}))
    return tmp_path


def also(folder, name, picture):
    save(picture, folder / name)
    with (folder / "poses.yaml").open("a") as file:
        file.write(f"  {name}: {{position: [0, 0, 0.3], orientation: [0, 0, 0, 1]}}\n")


def test_corners_are_seen_where_they_are_and_the_pose_is_read(folder):
    (view,), left_out = read_views(folder, CAMERA)
    assert not left_out and view.name == "01.png" and len(view.corners) == 24
    np.testing.assert_allclose(view.pixels, Lens(CAMERA).project(moved(view.corners, SEEN)), atol=0.5)
    np.testing.assert_allclose(view.tips, tips_of(CAMERA, SEEN), atol=1e-9)
    np.testing.assert_allclose(view.board, SEEN, atol=0.005)


def test_what_cannot_be_measured_is_left_out_with_its_reason(folder, picture):
    also(folder, "empty.png", GREY)
    half = picture.copy()
    half[:, np.argmax((picture != 120).any(axis=(0, 2))) + 90 :] = 90
    also(folder, "half.png", half)
    save(GREY, folder / "other.PNG")
    row, column = np.indices(picture.shape[:2], dtype=np.float32)
    also(folder, "bent.png", cv2.remap(picture, column + ((row - 240) / 25) ** 2, row, cv2.INTER_LINEAR))
    views, left_out = read_views(folder, CAMERA)
    assert [view.name for view in views] == ["01.png"]
    assert left_out.keys() == {"empty.png", "half.png", "other.PNG", "bent.png"}
    assert left_out["empty.png"] == "0 markers and 0 corners seen, expected at least 6 corners"
    assert left_out["other.PNG"] == "has no pose in poses.yaml"
    assert "corners seen" in left_out["half.png"]
    assert "px from those of a flat board, expected at most 2" in left_out["bent.png"]


def test_another_layout_of_the_board_is_guessed_at(folder):
    """Boards with an even number of rows have another layout since OpenCV 4.6."""
    old = Board((7, 6), 0.025, 0.018, "DICT_4X4_50", legacy=True)
    seen = turn(10, 0, 0)
    seen[:3, 3] = (-0.09, -0.07, 0.3)
    save(photograph(CAMERA, seen, old), folder / "01.png")
    text = (
        (folder / "poses.yaml")
        .read_text()
        .replace("[7, 5], square: 0.03, marker: 0.022", "[7, 6], square: 0.025, marker: 0.018")
    )
    (folder / "poses.yaml").write_text(text)
    assert "is legacy, or another number of squares, true of the board?" in read_views(folder, CAMERA)[1]["01.png"]
    (folder / "poses.yaml").write_text(text.replace("DICT_4X4_50", "DICT_4X4_50, legacy: true"))
    (view,), left_out = read_views(folder, CAMERA)
    assert len(view.corners) == 30 and not left_out


@pytest.mark.parametrize("name", ["01.png", "02.png"])
def test_a_picture_of_another_size_is_refused_by_name_with_both_sizes(folder, picture, name):
    also(folder, "02.png", picture)
    save(cv2.resize(picture, (320, 240)), folder / name)
    with pytest.raises(InvalidInput, match=f"{name} is 320x240 px, expected the size of the cell's stream, 640x480"):
        read_views(folder, CAMERA)


def test_a_damaged_picture_is_refused_by_name(folder):
    (folder / "01.png").write_bytes((folder / "01.png").read_bytes()[:3000])
    with pytest.raises(InvalidInput, match=r"01.png is not a whole PNG"):
        read_views(folder, CAMERA)


def test_poses_of_missing_pictures_are_all_named(folder):
    (folder / "01.png").rename(folder / "1.png")
    with pytest.raises(InvalidInput, match=r"poses.yaml has poses for \.\./02.png, 01.png: expected pictures"):
        with (folder / "poses.yaml").open("a") as file:
            file.write("  ../02.png: {position: [0, 0, 0], orientation: [0, 0, 0, 1]}\n")
        read_views(folder, CAMERA)


GOOD = {
    "board": "{squares: [7, 5], square: 0.03, marker: 0.022, dictionary: DICT_4X4_50}",
    "poses": "{01.png: {position: [0, 0, 0.3], orientation: [0, 0, 0, 1]}}",
}


@pytest.mark.parametrize(
    ("part", "text", "said"),
    [
        ("poses", "{01.png: {position: [0, .nan, 0.3], orientation: [0, 0, 0, 1]}}", "01.png: position is .*nan"),
        ("poses", "{01.png: {position: [0, .inf, 0.3], orientation: [0, 0, 0, 1]}}", "01.png: position is .*inf"),
        ("poses", "{01.png: {position: [300, 0, 400], orientation: [0, 0, 0, 1]}}", "each a number from -10 to 10"),
        (
            "poses",
            "{01.png: {position: [0, 0], orientation: [0, 0, 0, 1]}}",
            r"position is \[0, 0\], expected a list of 3",
        ),
        (
            "poses",
            "{01.png: {position: [0, 0, 1], orientation: [0, 0, 0, 0]}}",
            r"01.png: orientation is \(0.0, 0.0.*quat",
        ),
        ("poses", "{01.png: {position: [0, 0, 1], orientation: [0, 0, 0.7, 0]}}", "quaternion x, y, z, w of length 1"),
        ("poses", "{01.png: {position: [0, 0, 1]}}", "01.png is .*, expected position and orientation"),
        ("poses", "{01.png: 3}", "01.png is 3, expected position and orientation"),
        ("poses", "[1, 2]", "expected board, and poses of pictures by their names"),
        ("board", "7x5", "board: expected the board's squares, square, marker, dictionary, legacy"),
        ("board", "{squares: [7, 5], square: 0.03, dictionary: DICT_4X4_50}", "board: marker is missing"),
        (
            "board",
            GOOD["board"].replace("0.022", "0.03"),
            "board: marker is 0.03 m, expected smaller than a square, 0.03",
        ),
        ("board", GOOD["board"].replace("0.03", "30"), "board: square is 30, expected a number from 0.001 to 1"),
        ("board", GOOD["board"].replace("[7, 5]", "[7, 1]"), r"squares is \[7, 1\]"),
        ("board", GOOD["board"].replace("[7, 5]", "[12, 9]"), r"expected markers for them, 54, in DICT_4X4_50"),
        (
            "board",
            GOOD["board"].replace("4X4_50", "4x4"),
            "unknown dictionary DICT_4x4, the nearest that there is: DICT_4X4_",
        ),
        ("board", GOOD["board"].replace("DICT_4X4_50", "__doc__"), "unknown dictionary __doc__"),
        (
            "board",
            GOOD["board"].replace("square:", "sqare:"),
            "unknown setting sqare, the nearest that there is: square",
        ),
    ],
)
def test_poses_and_boards_that_cannot_be_are_refused_by_name(folder, part, text, said):
    document = GOOD | {part: text}
    (folder / "poses.yaml").write_text("".join(f"{key}: {value}\n" for key, value in document.items()))
    with pytest.raises(InvalidInput, match=said) as error:
        read_views(folder, CAMERA)
    assert str(error.value).startswith(str(folder / "poses.yaml"))


def test_an_opencv_that_is_too_old_is_told(folder, monkeypatch):
    monkeypatch.delattr(cv2.aruco, "CharucoDetector")
    with pytest.raises(InvalidInput, match=r"OpenCV 4\S+ finds no ChArUco boards, expected 4.7 or newer"):
        read_views(folder, CAMERA)


def test_a_folder_without_poses_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match=r"poses.yaml: No such file"):
        read_views(tmp_path, CAMERA)
