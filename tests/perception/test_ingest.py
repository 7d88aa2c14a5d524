"""Every encoding gives the same picture, and what is no picture is refused by name."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from qtopt_agent.core.cell import Camera
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.profile import COMPACT, LOWDIM, PAPER
from qtopt_agent.perception.ingest import COMPRESSED, IngestSpec, RawImage, decode, fit, ingest_image, ingest_spec

RGB = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
OPAQUE = np.full((48, 64, 1), 255, np.uint8)
ENCODED = {
    "rgb8": RGB,
    "bgr8": RGB[..., ::-1],
    "rgba8": np.concatenate([RGB, OPAQUE], -1),
    "bgra8": np.concatenate([RGB[..., ::-1], OPAQUE], -1),
}


def raw(pixels, encoding, padding=0):
    height, width, channels = pixels.shape
    rows = np.concatenate([pixels.reshape(height, -1), np.full((height, padding), 7, np.uint8)], 1)
    return RawImage(rows.tobytes(), encoding, height, width, width * channels + padding)


@pytest.mark.parametrize("encoding", list(ENCODED))
@pytest.mark.parametrize("padding", [0, 5])
def test_every_encoding_and_row_length_gives_the_same_picture(encoding, padding):
    np.testing.assert_array_equal(decode(raw(ENCODED[encoding], encoding, padding)), RGB)


def test_a_grey_image_has_three_equal_channels():
    grey = decode(raw(RGB[..., :1], "mono8", 3))
    assert (grey == RGB[..., :1]).all()


def wide(pixels, encoding, big_endian=False):
    order = ">u2" if big_endian else "<u2"
    height, width, values = pixels.shape
    data = (pixels.astype(np.uint16) * 257).astype(order).tobytes()
    return RawImage(data, encoding, height, width, 2 * width * values, big_endian)


@pytest.mark.parametrize("encoding", list(ENCODED))
@pytest.mark.parametrize("big_endian", [False, True])
def test_sixteen_bits_are_scaled_to_eight(encoding, big_endian):
    encoded = ENCODED[encoding]
    np.testing.assert_array_equal(decode(wide(encoded, encoding.replace("8", "16"), big_endian)), RGB)


def test_sixteen_bits_of_grey_are_rounded():
    values = np.array([[[0], [128], [129], [65535]]], np.uint16)
    grey = decode(RawImage(values.tobytes(), "mono16", 1, 4, 8))
    assert grey[0, :, 0].tolist() == [0, 0, 1, 255]


@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
@pytest.mark.parametrize("bits", [8, 16])
def test_a_mosaic_gives_the_colours_that_it_was_made_from(pattern, bits):
    colours = {"r": 200, "g": 120, "b": 40}
    tile = np.array([[colours[c] for c in pattern[i : i + 2]] for i in (0, 2)], np.uint8)
    mosaic = np.tile(tile, (8, 8))[..., None]
    picture = (raw if bits == 8 else wide)(mosaic, f"bayer_{pattern}{bits}")
    assert (decode(picture) == [200, 120, 40]).all()


@pytest.mark.parametrize(("encoding", "order"), [("yuv422", "uyvy"), ("uyvy", "uyvy"), ("yuv422_yuy2", "yuyv")])
def test_luminance_with_half_of_the_colours(encoding, order):
    values = {"y": 81, "u": 90, "v": 240}  # red in BT.601
    pair = [values[c] for c in order]
    picture = np.tile(np.array(pair, np.uint8), (4, 8)).reshape(4, 16, 2)
    assert np.abs(decode(raw(picture, encoding)).astype(int) - [254, 0, 0]).max() <= 2


def test_a_compressed_picture_is_read_and_a_damaged_one_refused():
    data = cv2.imencode(".png", RGB[..., ::-1])[1].tobytes()
    np.testing.assert_array_equal(decode(RawImage(data, COMPRESSED)), RGB)
    with pytest.raises(InvalidInput, match="image is not a whole"):
        decode(RawImage(data[:-20], COMPRESSED))


def test_messages_with_an_array_for_data_are_read_as_well():
    message = RawImage(RGB.reshape(-1), "rgb8", 48, 64, 192)
    np.testing.assert_array_equal(decode(message), RGB)


def test_a_whole_factor_averages_exactly():
    small = fit(RGB, IngestSpec((12, 16)))
    expected = RGB.reshape(12, 4, 16, 4, 3).mean((1, 3))
    assert np.abs(small - expected).max() <= 0.5 + 1e-6


def test_the_middle_is_kept_with_the_models_proportions():
    image = np.zeros((48, 64, 3), np.uint8)
    image[:, 8:56] = 200
    assert (ingest_image(raw(image, "rgb8"), ingest_spec(COMPACT)) == 200).all()


def test_the_papers_image_is_cut_and_not_scaled():
    image = np.random.default_rng(1).integers(0, 256, (512, 640, 3), dtype=np.uint8)
    np.testing.assert_array_equal(fit(image, ingest_spec(PAPER)), image[20:492, 84:556])


def test_an_image_of_the_models_size_passes_unchanged():
    np.testing.assert_array_equal(fit(RGB, IngestSpec((48, 64))), RGB)


@pytest.mark.parametrize(
    ("message", "named"),
    [
        (RawImage(RGB.tobytes(), "nv12", 48, 64, 128), "nv12"),
        (RawImage(RGB.tobytes(), "32FC1", 48, 64, 128), "32FC1"),
        (RawImage(RGB.tobytes()[:48], "yuv422", 8, 3, 6), "3x8 yuv422"),
        (RawImage(RGB.tobytes(), "rgb8", 48, 64, 191), "191"),
        (RawImage(RGB.tobytes()[:-1], "rgb8", 48, 64, 192), "9215"),
        (RawImage(b"", "rgb8", 0, 0, 0), "0x0"),
    ],
)
def test_what_is_no_picture_is_refused_by_name(message, named):
    with pytest.raises(InvalidInput, match=named):
        decode(message)


def test_an_image_smaller_than_the_model_needs_is_refused():
    with pytest.raises(InvalidInput, match="64x48"):
        fit(RGB, IngestSpec((64, 64)))


@pytest.mark.parametrize("camera", [Camera(crop=(0, 0, 50, 50)), Camera(distortion=(0.1, 0.0, 0.0, 0.0, 0.0))])
def test_a_cell_that_says_which_part_is_seen_wants_pictures_of_its_streams_size(camera):
    with pytest.raises(InvalidInput, match="image is 64x48 px, expected 480x480"):
        fit(RGB, IngestSpec((32, 32), camera))


def test_a_cells_crop_is_what_the_model_sees():
    image = np.random.default_rng(1).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    camera = Camera(width=64, height=48, crop=(10, 4, 16, 16))
    np.testing.assert_array_equal(fit(image, IngestSpec((16, 16), camera)), image[4:20, 10:26])


def test_a_lens_is_undone():
    lens = Camera(width=320, height=240, vertical_view=70.0, distortion=(-0.3, 0.1, 0.001, -0.002, 0.0))
    fx, fy, cx, cy = lens.intrinsics
    across, down = (np.arange(320) + 0.5 - cx) / fx, (np.arange(240) + 0.5 - cy) / fy
    x, y = np.meshgrid(across, down)
    # What a lens makes of a board of squares, by OpenCV's own model: each pixel asks where its ray went before it.
    seen = np.stack([x.ravel() * fx + cx - 0.5, y.ravel() * fy + cy - 0.5], -1)[:, None]
    matrix = np.array([[fx, 0, cx - 0.5], [0, fy, cy - 0.5], [0, 0, 1]])
    rays = cv2.undistortPoints(seen, matrix, np.array(lens.distortion)).reshape(240, 320, 2)

    def board(rays):
        return (
            np.where(np.sin(12 * rays[..., :1]) * np.sin(12 * rays[..., 1:]) > 0, 200, 50)
            .astype(np.uint8)
            .repeat(3, -1)
        )

    straight = fit(board(rays), IngestSpec((120, 120), lens))
    expected = fit(board(np.stack([x, y], -1)), IngestSpec((120, 120)))
    bent = fit(board(rays), IngestSpec((120, 120)))
    assert np.abs(straight.astype(int) - expected).mean() < 4 < np.abs(bent.astype(int) - expected).mean()


@pytest.mark.parametrize("profile", [PAPER, COMPACT], ids=lambda p: p.name)
def test_a_profiles_name_says_nothing_of_how_its_images_are_cut(profile):
    assert ingest_spec(replace(profile, name="mine")) == ingest_spec(profile)


def test_a_profile_without_a_camera_has_no_image():
    with pytest.raises(InvalidInput, match="lowdim"):
        ingest_spec(LOWDIM)


def test_a_picture_of_any_sizes_is_read_or_refused():
    """Height, width, row length and number of bytes at odds in every way."""
    draw = np.random.default_rng(0)
    sizes = (0, 1, 2, 3, 48, 64, 192, 40_000, 2**31, -1)
    for _ in range(500):
        height, width, step = (int(draw.choice(sizes)) for _ in range(3))
        fits = 0 <= height * step < 500_000 and draw.random() < 0.8
        data = bytes(height * step if fits else int(draw.integers(0, 500)))
        message = RawImage(data, str(draw.choice([*ENCODED, "mono8", "16UC1", ""])), height, width, step)
        try:
            image = ingest_image(message, ingest_spec(COMPACT))
        except InvalidInput:
            continue
        assert image.shape == (32, 32, 3) and height * step == len(data)
