"""What is said where a model's cell is not the arm's, and where a camera is not what the cell says of it."""

import re
from dataclasses import replace

import pytest

from qtopt_agent.cells.agreement import CameraInfo, camera_disagreements, disagreements
from qtopt_agent.cells.cell_file import load_cell
from qtopt_agent.core.cell import EMBEDDED, SHOULDER

D435 = load_cell("d435_wrist")
K = (617.0, 0.0, 319.5, 0.0, 617.0, 239.5, 0.0, 0.0, 1.0)


def camera(**changes):
    return replace(EMBEDDED, camera=replace(EMBEDDED.camera, **changes))


@pytest.mark.parametrize(
    ("arm", "said", "refused"),
    [
        (camera(vertical_view=42.5), "trained for a view of 75.0 degrees, this camera has 42.5", True),
        (camera(vertical_view=70.0), "trained for a view of 75.0 degrees, this camera has 70.0", False),
        (camera(position=(0.0, 0.01, 0.105)), r"trained for a camera at \(0.0, 0.0, 0.105\) m, this one is at", False),
        (camera(position=(0.0, 0.07, 0.105)), "this one is at", True),
        (camera(orientation=(0.0, 1.0, 0.0, 0.0)), "another direction of the camera, by 180.0 degrees", True),
        (camera(age=(0.0, 0.15)), "pictures up to 0.00 s old, here they are up to 0.15", False),
        (SHOULDER, "on: hand, this one is on: fixed", True),
        (replace(EMBEDDED, jaw=replace(EMBEDDED.jaw, aperture=0.1)), "opens 0.085 m, this one opens 0.100", False),
        (replace(EMBEDDED, jaw=replace(EMBEDDED.jaw, aperture=0.14)), "opens 0.085 m, this one opens 0.140", True),
        (
            replace(EMBEDDED, attempt=replace(EMBEDDED.attempt, control_period=0.5)),
            "every 0.20 s, here it is 0.50",
            False,
        ),
        (replace(EMBEDDED, bin=replace(EMBEDDED.bin, size=(0.4, 0.32))), "bin of", False),
    ],
)
def test_a_difference_is_said_in_numbers_and_a_large_one_refuses_the_model(arm, said, refused):
    assert disagreements(arm, arm) == []
    (found,) = disagreements(EMBEDDED, arm)
    assert found.refused == refused
    assert re.search(said, found.text)


def test_a_model_without_a_camera_asks_for_none():
    assert disagreements(EMBEDDED, camera(vertical_view=30.0), sees=False) == []


def test_a_camera_that_is_what_the_cell_says_is_right():
    assert camera_disagreements(D435.camera, CameraInfo(640, 480, K)) == []


@pytest.mark.parametrize(
    ("info", "said"),
    [
        (CameraInfo(1280, 720, K), "1280x720 px, the cell says 640x480"),
        (CameraInfo(640, 480, (400.0, *K[1:4], 400.0, *K[5:])), "a view of 61.9 degrees .* the cell 42.5"),
        (CameraInfo(640, 480, (*K[:2], 350.0, *K[3:])), "principal point at 350.0, 239.5 px, the cell 320.0, 240.0"),
        (CameraInfo(640, 480, K, (-0.3, 0.1, 0.0, 0.0, 0.0)), "has a lens .*, the cell has none"),
        (CameraInfo(640, 480, (0.0,) * 9), "no focal length"),
        (CameraInfo(640, 480, (float("nan"),) * 9), "no focal length"),
        (CameraInfo(640, 480, K, (float("nan"),) * 5), "a lens that is no number"),
    ],
)
def test_a_camera_that_is_not_what_the_cell_says_is_named_with_both_numbers(info, said):
    (found,) = camera_disagreements(D435.camera, info)
    assert re.search(said, found)


def test_a_lens_that_both_have_is_no_difference():
    lens = (-0.3, 0.1, 0.0, 0.0, 0.0)
    assert camera_disagreements(replace(D435.camera, distortion=lens), CameraInfo(640, 480, K, lens)) == []
