"""A picture is served whole or refused, never with grey where its data is missing."""

import cv2
import numpy as np
import pytest

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.perception.pictures import decode_picture

pytestmark = pytest.mark.filterwarnings("ignore")  # Pillow's words on damaged tags
SUFFIXES = (".png", ".jpg", ".bmp", ".tiff")
PICTURE = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)


def encoded(suffix, picture=PICTURE, options=()):
    return cv2.imencode(suffix, picture[..., ::-1], list(options))[1].tobytes()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_picture_is_what_opencv_reads(suffix):
    data = encoded(suffix)
    seen = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert np.abs(decode_picture(data, "it").astype(int) - seen).max() <= (2 if suffix == ".jpg" else 0)


@pytest.mark.parametrize("picture", [PICTURE[..., 0], np.dstack([PICTURE, PICTURE[..., 0]])])
def test_grey_and_transparent_pictures_become_rgb(picture):
    data = cv2.imencode(".png", picture)[1].tobytes()
    assert decode_picture(data, "it").shape == (24, 32, 3)


@pytest.mark.parametrize("progressive", [0, 1])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_cut_picture_is_refused_wherever_it_is_cut(suffix, progressive):
    data = encoded(suffix, options=(cv2.IMWRITE_JPEG_PROGRESSIVE, progressive) if suffix == ".jpg" else ())
    whole = decode_picture(data, "it")
    for length in range(0, len(data), 11):
        try:
            assert (decode_picture(data[:length], "it") == whole).all()  # what is missing is no pixel
        except InvalidInput as error:
            assert str(error).startswith("it is not a whole PNG")


def test_sixteen_bits_a_channel_are_refused_and_not_clipped():
    with pytest.raises(InvalidInput, match="it has pixels of kind I;16, expected 8 bits"):
        decode_picture(cv2.imencode(".png", PICTURE[..., 0].astype(np.uint16) * 256)[1].tobytes(), "it")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_any_damage_gives_a_picture_or_a_refusal(suffix, mutations):
    data = encoded(suffix)
    for damaged in mutations(data):
        try:
            found = decode_picture(damaged, "it")
        except InvalidInput:
            continue
        assert found.dtype == np.uint8 and found.shape[2] == 3
        if suffix == ".png" and found.shape == PICTURE.shape:
            np.testing.assert_array_equal(found, PICTURE)
