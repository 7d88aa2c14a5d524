import numpy as np
import pytest

from qtopt_agent.core.mirrors import ACTION_NAMES, MIRRORS, signs
from qtopt_agent.core.observation import MOVED
from qtopt_agent.learning.symmetry import Mirror, augment
from qtopt_agent.replay.batch import Batch

LEFT_RIGHT = Mirror(1, action=(-1, 1, -1), state=(1, -1), privileged=(-1,))
UP_DOWN = Mirror(0, action=(1, -1, -1), state=(1, 1), privileged=(1,))


class Always:
    """Chooses every transition."""

    def random(self, size: int) -> np.ndarray:
        return np.zeros(size)


def batch(size: int = 6) -> Batch:
    rng = np.random.default_rng(0)

    def image() -> np.ndarray:
        return rng.integers(0, 256, (size, 5, 5, 3), dtype=np.uint8)

    def vector(*shape: int) -> np.ndarray:
        return rng.random((size, *shape), dtype=np.float32)

    seen, following = (image(), vector(2)), (image(), vector(2))
    learned_from = vector(), np.arange(size), vector(), np.arange(size), np.zeros(size, bool)
    return Batch(*seen, vector(3), vector(), vector(), *following, vector(), vector(1), *learned_from)


def test_a_mirror_flips_both_images_and_the_signs_of_what_it_names():
    before = batch()
    after = augment(before, [LEFT_RIGHT], Always())
    np.testing.assert_array_equal(after.image, before.image[:, :, ::-1])
    np.testing.assert_array_equal(after.next_image, before.next_image[:, :, ::-1])
    np.testing.assert_array_equal(after.action, before.action * np.float32([-1, 1, -1]))
    np.testing.assert_array_equal(after.state, before.state * np.float32([1, -1]))
    np.testing.assert_array_equal(after.next_state, before.next_state * np.float32([1, -1]))
    np.testing.assert_array_equal(after.privileged, -before.privileged)
    for name in ("reward", "terminal", "mc_return"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))


def test_masks_are_flipped_with_their_pictures():
    before = batch()._replace(mask=np.arange(6 * 16, dtype=np.uint8).reshape(6, 4, 4))
    np.testing.assert_array_equal(augment(before, [LEFT_RIGHT], Always()).mask, before.mask[:, :, ::-1])
    np.testing.assert_array_equal(augment(before, [UP_DOWN], Always()).mask, before.mask[:, ::-1])
    assert augment(batch(), [UP_DOWN], Always()).mask is None


def test_both_mirrors_make_a_half_turn():
    before = batch()
    after = augment(before, [LEFT_RIGHT, UP_DOWN], Always())
    np.testing.assert_array_equal(after.image, before.image[:, ::-1, ::-1])
    np.testing.assert_array_equal(after.action, before.action * np.float32([-1, -1, 1]))


def test_a_mirror_twice_changes_nothing():
    before = batch()
    after = augment(before, [LEFT_RIGHT, LEFT_RIGHT], Always())
    for mine, theirs in zip(before, after, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_about_half_of_the_transitions_are_mirrored_as_a_whole():
    before = batch(400)
    after = augment(before, [LEFT_RIGHT], np.random.default_rng(0))
    flipped = after.action[:, 0] < 0
    assert 0.4 < flipped.mean() < 0.6
    for i in range(400):
        expected = before.image[i, :, ::-1] if flipped[i] else before.image[i]
        np.testing.assert_array_equal(after.image[i], expected)
        assert (after.privileged[i, 0] < 0) == flipped[i]


def test_the_batch_given_is_left_as_it_was():
    before = batch()._replace(mask=np.ones((6, 4, 4), np.uint8))
    copies = [part.copy() for part in before]
    augment(before, [LEFT_RIGHT], Always())
    for part, copied in zip(before, copies, strict=True):
        np.testing.assert_array_equal(part, copied)


def test_signs_follow_names():
    assert signs(("x", "y", "yaw"), frozenset({"x", "yaw", "other"})) == (-1.0, 1.0, -1.0)


def test_the_mirrors_flip_only_numbers_that_exist():
    simulation = pytest.importorskip("qtopt_agent.simulation")
    assert all(flips <= {*ACTION_NAMES, *MOVED, *simulation.PRIVILEGED_NAMES} for _, flips in MIRRORS)
