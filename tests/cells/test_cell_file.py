"""A cell's file says what a lab has; what cannot be is refused, named, with numbers."""

import math
from dataclasses import replace

import numpy as np
import pytest

from qtopt_agent.cells.cell_file import cell_names, cell_text, load_cell, make_cell, write_cell
from qtopt_agent.core.cell import Camera, Cell
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.shared_files import shared
from qtopt_agent.documents import parse_yaml


def test_the_embedded_cell_is_what_a_cell_is_without_a_word():
    assert load_cell("embedded") == Cell()


@pytest.mark.parametrize("name", cell_names())
def test_a_shipped_cell_stands_in_its_file_with_every_setting_and_its_meaning(name):
    cell = load_cell(name)
    title, _, text = shared(f"config/cells/{name}.yaml").read_text().partition("\n")
    assert cell_text(cell, title.removeprefix("# ")).partition("\n")[2] == text


@pytest.mark.parametrize("name", cell_names())
def test_a_cell_comes_back_as_it_was_written(name, tmp_path):
    write_cell(load_cell(name), tmp_path / "cell.yaml", "mine")
    assert load_cell(str(tmp_path / "cell.yaml")) == load_cell(name)
    with pytest.raises(InvalidInput, match="is there already"):
        write_cell(Cell(), tmp_path / "cell.yaml", "mine")


def test_cells_that_are_shipped_are_known_by_name():
    assert cell_names() == ["d405_wrist", "d435_wrist", "embedded", "franka_hand", "shoulder"]
    with pytest.raises(InvalidInput, match="unknown cell 'd435', expected one of d405_wrist, d435_wrist"):
        load_cell("d435")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("jaw: {apperture: 0.1}", "unknown setting jaw.apperture, the nearest that there is: jaw.aperture"),
        ("jaw: {aperture: .nan}", "jaw.aperture is nan, expected a number from 0.01 to 0.5"),
        ("jaw: {aperture: 0.4}", r"jaw is 0.424 m wide when open, bin.size is \(0.32, 0.32\)"),
        ("bin: {size: [0.3]}", r"bin.size is \[0.3\], expected a list of 2"),
        ("attempt: {start_height: [0.17, 0.3]}", r"attempt starts from .* to \[0.04, 0.04, 0.3\].*workspace"),
        ("bin: {position: [0, 0, 0.1]}", "workspace.low is 0.003 m high, expected above the bin's floor, 0.1"),
        ("camera: {position: [0.01, 0, 0.05]}", "where the fingers move"),
        ("camera: {fx: 600}", "camera.vertical_view is 75.0 and fx"),
        ("camera: {vertical_view: 0, fx: 600, fy: 600, cx: 640, cy: 240}", "within the stream of 480x480"),
        ("camera: {vertical_view: 0, fx: 6, fy: 6, cx: 240, cy: 240}", "fy 6.0 px does not fit a stream 480 px high"),
        ("camera: {crop: [100, 0, 400, 400]}", "expected a part of the stream of 480x480 px"),
        ("camera: {orientation: [0, 0, 0, 0]}", "expected a quaternion"),
        ("objects: {friction: [1.2, 0.4]}", "expected the least and the most"),
        ("attempt: {lift_height: 0.5}", "attempt.lift_height is 0.5, expected at most .* 0.24"),
        ("3", "expected key: value lines"),
    ],
)
def test_a_cell_that_cannot_be_is_refused_with_its_name_and_numbers(text, said):
    with pytest.raises(InvalidInput, match=said) as error:
        make_cell(parse_yaml(text, "mine.yaml"), "mine.yaml")
    assert str(error.value).startswith("mine.yaml: ")


def test_a_view_in_degrees_and_one_in_pixels_are_the_same():
    camera = load_cell("d435_wrist").camera
    assert camera.view == pytest.approx(42.5, abs=0.5)
    same = replace(camera, vertical_view=camera.view, fx=0.0, fy=0.0, cx=0.0, cy=0.0)
    assert same.intrinsics == pytest.approx(camera.intrinsics, rel=0.01)


def test_opencv_counts_from_the_middle_of_the_first_pixel():
    np.testing.assert_allclose(
        Camera(width=640, height=480, vertical_view=90).matrix, [[240, 0, 319.5], [0, 240, 239.5], [0, 0, 1]]
    )


def test_a_model_sees_the_middle_of_the_stream_unless_the_cell_says_otherwise():
    camera = Camera(width=640, height=480)
    assert camera.window((32, 32)) == (80, 0, 480, 480)
    assert replace(camera, crop=(0, 40, 400, 400)).window((32, 32)) == (0, 40, 400, 400)


def test_pictures_have_mirror_images_along_the_planes_of_the_hand_that_the_camera_lies_in():
    across, down = 1, 0
    wrist = load_cell("d435_wrist").camera
    assert Cell().mirrors == (across, down)
    assert load_cell("d435_wrist").mirrors == load_cell("d405_wrist").mirrors == (across,)
    assert load_cell("shoulder").mirrors == ()
    for camera, expected in [
        (Camera(crop=(0, 0, 400, 480)), (down,)),
        (Camera(position=(0.001, 0.0, 0.105)), (across, down)),  # as well as a pose is measured
        (Camera(position=(0.004, 0.0, 0.105)), (down,)),
        (replace(wrist, position=(0.004, -0.085, 0.14)), ()),
        (replace(wrist, cx=322.0), (across,)),
        (replace(wrist, cx=330.0), ()),
        (replace(wrist, orientation=(0.981627, 0.04, 0.0, -0.190809)), ()),  # turned about its own axis
        (replace(Camera(), orientation=(0.70711, 0.70711, 0.0, 0.0)), ()),  # across the picture is along the fingers
    ]:
        assert replace(Cell(), camera=camera).mirrors == expected, camera


@pytest.mark.parametrize("name", ["d405_wrist", "d435_wrist", "embedded"])
def test_a_shipped_wrist_camera_sees_the_bins_middle_from_every_start(name):
    cell = load_cell(name)
    camera = cell.camera
    fx, fy, cx, cy = camera.intrinsics
    left, top, width, height = camera.window((32, 32))
    for x in (-cell.attempt.start_spread, cell.attempt.start_spread):
        for z in cell.attempt.start_height:
            for yaw in np.arange(8) * math.pi / 4:
                turn = np.array([[math.cos(yaw), -math.sin(yaw), 0], [math.sin(yaw), math.cos(yaw), 0], [0, 0, 1]])
                tips = np.array([x, 0.0, z])
                seen = camera.rotation.T @ (turn.T @ -tips - np.array(camera.position))
                assert left < fx * seen[0] / seen[2] + cx < left + width
                assert top < fy * seen[1] / seen[2] + cy < top + height
