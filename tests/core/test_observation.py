"""An observation that does not fit is refused, and the text says what is wrong with it."""

import numpy as np
import pytest

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.observation import Observation, ObservationSpec
from qtopt_agent.core.profile import COMPACT, LOWDIM, PAPER

SPEC = COMPACT.observation
IMAGE = np.zeros((32, 32, 3), np.uint8)
STATE = np.zeros(4, np.float32)


@pytest.mark.parametrize("profile", [PAPER, COMPACT, LOWDIM], ids=lambda p: p.name)
def test_an_observation_of_the_profiles_shape_passes(profile):
    spec = profile.observation
    Observation(np.zeros((*spec.image_size, 3), np.uint8), np.zeros(spec.state_size, np.float32), 0.0).validate(spec)


@pytest.mark.parametrize(
    ("image", "complaint"),
    [
        (np.zeros((32, 31, 3), np.uint8), r"image is uint8 \[32, 31, 3\], expected uint8 \[32, 32, 3\]"),
        (np.zeros((32, 32), np.uint8), r"image is uint8 \[32, 32\]"),
        (np.zeros((3, 32, 32), np.uint8), r"\[3, 32, 32\]"),
        (np.zeros((32, 32, 4), np.uint8), r"\[32, 32, 4\]"),
        (np.zeros((32, 32, 3), np.float32), "image is float32"),
    ],
)
def test_a_wrong_image_is_refused_with_both_shapes(image, complaint):
    with pytest.raises(InvalidInput, match=complaint):
        Observation(image, STATE, 0.0).validate(SPEC)


@pytest.mark.parametrize(
    ("state", "complaint"),
    [
        (np.zeros(3, np.float32), r"state is float32 \[3\], expected float32 \[4\]"),
        (np.zeros(4), "state is float64"),
        (np.float32([0, np.nan, 0, 0]), "not finite: height_m$"),
        (np.float32([np.inf, 0, -np.inf, 0]), "not finite: aperture_m, closed$"),
    ],
)
def test_a_wrong_state_is_refused_and_the_entries_are_named(state, complaint):
    with pytest.raises(InvalidInput, match=complaint):
        Observation(IMAGE, state, 0.0).validate(SPEC)


@pytest.mark.parametrize("size", [(32, 0), (-1, 32), (32,), (32.5, 32), (float("nan"), 32), (10**6, 32), "32x32"])
def test_an_image_of_no_such_size_is_refused(size):
    with pytest.raises(InvalidInput, match="image_size is"):
        ObservationSpec(size, ("closed",))


@pytest.mark.parametrize("names", [("closed", "height_m", "closed"), ("closed", 1), "closed"])
def test_state_names_are_texts_and_each_is_there_once(names):
    with pytest.raises(InvalidInput, match="state_names"):
        ObservationSpec((32, 32), names)
