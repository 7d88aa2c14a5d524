"""Pictures that are learned from vary; those that targets and the policy see do not."""

from dataclasses import replace

import numpy as np
import pytest

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.profile import COMPACT, PAPER
from qtopt_agent.learning.augmentation import Augmentation, recoloured
from qtopt_agent.learning.preset import load_preset
from qtopt_agent.learning.settings import AugmentationSettings
from qtopt_agent.replay.batch import Batch, Sequences

CROP = AugmentationSettings(random_crop=True)
COLOURS = AugmentationSettings(False, 0.125, 0.5, 0.5, 0.2)


def coordinates(height: int = 512, width: int = 640) -> np.ndarray:
    """A frame whose pixels say where they are: row and column, modulo 256, and which 256 of them."""
    row, column = np.indices((height, width))
    return np.stack([row % 256, column % 256, (row // 256) * 8 + column // 256], -1).astype(np.uint8)


def place(pixel: np.ndarray) -> tuple[int, int]:
    return int(pixel[0]) + 256 * (int(pixel[2]) // 8), int(pixel[1]) + 256 * (int(pixel[2]) % 8)


def batch_of(frames: np.ndarray) -> Batch:
    numbers = np.zeros(len(frames), np.float32)
    several = np.zeros((len(frames), 1), np.float32)
    rows = np.arange(len(frames))
    return Batch(
        *(frames, several, several, numbers, numbers, frames, several, numbers, several, numbers, rows),
        *(numbers, rows, np.zeros(len(frames), np.bool_)),
    )


def test_crops_lie_anywhere_in_the_frame_and_the_next_picture_is_the_cells_crop():
    frames = np.stack([coordinates()] * 24)
    batch = Augmentation(CROP, PAPER).batch(batch_of(frames), np.random.default_rng(0))
    assert batch.image.shape == batch.next_image.shape == (24, 472, 472, 3)
    corners = [place(image[0, 0]) for image in batch.image]
    rows, columns = zip(*corners, strict=True)
    assert len(set(corners)) > 20 and max(rows) > 30 and max(columns) > 130 and min(rows) < 10 and min(columns) < 30
    for corner, image in zip(corners, batch.image, strict=True):
        assert place(image[-1, -1]) == (corner[0] + 471, corner[1] + 471)  # not scaled
    assert {place(image[0, 0]) for image in batch.next_image} == {(20, 84)}


def test_a_crop_that_a_cell_scales_is_scaled_as_for_the_policy():
    profile = replace(COMPACT, cell=PAPER.cell)
    frame = np.zeros((512, 640, 3), np.uint8)
    frame[:, :320] = 255
    batch = Augmentation(CROP, profile).batch(batch_of(frame[None]), np.random.default_rng(0))
    assert batch.image.shape == batch.next_image.shape == (1, 32, 32, 3)
    assert (batch.next_image[0, :, :15] == 255).all() and not batch.next_image[0, :, 17:].any()


def test_sequences_are_seen_as_by_the_policy():
    frames = np.stack([coordinates()] * 6).reshape(2, 3, 512, 640, 3)
    nothing = np.zeros((2, 2), np.float32)
    sequences = Sequences(frames, nothing, nothing, nothing, nothing, nothing, nothing > 0)
    seen = Augmentation(CROP, PAPER).sequences(sequences).image
    assert seen.shape == (2, 3, 472, 472, 3) and place(seen[1, 2, 0, 0]) == (20, 84)


def test_the_same_seed_gives_the_same_pictures_and_another_one_others():
    frames = np.random.default_rng(5).integers(0, 256, (3, 32, 32, 3), np.uint8)
    augmentation = Augmentation(COLOURS, COMPACT)
    first, again, other = (augmentation.batch(batch_of(frames), np.random.default_rng(s)) for s in (1, 1, 2))
    np.testing.assert_array_equal(first.image, again.image)
    assert (first.image != other.image).any() and (first.image[0] != frames[0]).any()
    np.testing.assert_array_equal(first.next_image, frames)


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(3).integers(80, 176, (16, 16, 3), np.uint8)


def test_no_change_of_colours_changes_nothing_and_nor_does_a_whole_turn(picture):
    np.testing.assert_array_equal(recoloured(picture, 0.0, 1.0, 1.0, 0.0), picture)
    np.testing.assert_allclose(recoloured(picture, 0.0, 1.0, 1.0, 1.0).astype(int), picture, atol=1)


def test_brightness_is_added_and_cut_off(picture):
    np.testing.assert_allclose(recoloured(picture, 0.1, 1.0, 1.0, 0.0).astype(int), picture + 25.5, atol=1)
    assert (recoloured(picture, 1.0, 1.0, 1.0, 0.0) == 255).all()


def test_contrast_is_about_the_mean_of_the_picture(picture):
    mean = picture.mean((0, 1))
    np.testing.assert_allclose(recoloured(picture, 0.0, 0.5, 1.0, 0.0), mean + (picture - mean) / 2, atol=1)


def test_without_saturation_a_picture_is_as_bright_and_grey(picture):
    grey = recoloured(picture, 0.0, 1.0, 0.0, 0.0).astype(int)
    assert np.ptp(grey, axis=-1).max() <= 1
    np.testing.assert_allclose(grey[..., 0], picture @ (0.299, 0.587, 0.114), atol=1)


def test_a_turn_of_hue_keeps_brightness_and_changes_red_towards_green_or_blue():
    red = np.full((2, 2, 3), (140, 100, 100), np.uint8)
    turned = recoloured(red, 0.0, 1.0, 1.0, 1 / 3).astype(int)[0, 0]
    assert turned[0] < 110 and max(turned[1:]) > 110
    assert turned @ (0.299, 0.587, 0.114) == pytest.approx(red[0, 0] @ (0.299, 0.587, 0.114), abs=1)


def test_crops_need_a_camera_a_smaller_crop_and_no_masks():
    with pytest.raises(InvalidInput, match="random_crop is true: profile lowdim has no camera"):
        load_preset("lowdim").changed(random_crop=True)
    with pytest.raises(InvalidInput, match="random_crop is true: masks"):
        load_preset("detailed").changed(random_crop=True, cell="shoulder")
