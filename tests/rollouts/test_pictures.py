"""The pictures show every grasp, and its outcome as the colour of its border."""

import numpy as np
import pytest
from PIL import Image

from qtopt_agent.rollouts.pictures import (
    BORDER,
    FAILURE,
    RUNNING,
    SUCCESS,
    animation,
    contact_sheet,
    save_gif,
    save_png,
)

H, W = 8, 12


def grasp(steps, shade):
    """Pictures that get brighter with every step."""
    return np.stack([np.full((H, W, 3), shade + step, np.uint8) for step in range(steps)])


GRASPS = [grasp(steps, 20 * i) for i, steps in enumerate((3, 5, 1, 2, 4, 3, 2))]
SUCCESSES = [True, False, True, True, False, True, False]


def tile(picture, index):
    y, x = index // 5 * (H + 2 * BORDER), index % 5 * (W + 2 * BORDER)
    return picture[y : y + H + 2 * BORDER, x : x + W + 2 * BORDER]


@pytest.mark.parametrize("index", range(len(GRASPS)))
def test_the_sheet_has_the_last_picture_of_each_grasp_and_its_colour(index):
    shown = tile(contact_sheet(GRASPS, SUCCESSES), index)
    assert tuple(shown[0, 0]) == (SUCCESS if SUCCESSES[index] else FAILURE)
    np.testing.assert_array_equal(shown[BORDER:-BORDER, BORDER:-BORDER], GRASPS[index][-1])


def test_an_animated_grasp_shows_its_outcome_only_when_it_is_over():
    frames = animation(GRASPS, SUCCESSES)
    assert len(frames) == 5
    colours = [tuple(tile(frame, 0)[0, 0]) for frame in frames]
    assert colours == [RUNNING, RUNNING, SUCCESS, SUCCESS, SUCCESS]
    np.testing.assert_array_equal(tile(frames[4], 0)[BORDER:-BORDER, BORDER:-BORDER], GRASPS[0][2])


def test_a_single_grasp_fills_its_picture():
    assert contact_sheet(GRASPS[:1], [True]).shape == (H + 2 * BORDER, W + 2 * BORDER, 3)


def test_the_files_hold_what_was_drawn(tmp_path):
    sheet, frames = contact_sheet(GRASPS, SUCCESSES), animation(GRASPS, SUCCESSES)
    save_png(sheet, tmp_path / "a.png")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a.png")), sheet)
    save_gif(frames, tmp_path / "a.gif")
    with Image.open(tmp_path / "a.gif") as gif:
        assert gif.n_frames == len(frames)
        assert gif.size == sheet.shape[1::-1]
