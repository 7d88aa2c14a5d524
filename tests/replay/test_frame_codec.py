import numpy as np
import pytest

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.replay.frame_codec import pack, unpack

SIZE = (48, 64)


def drawn() -> np.ndarray:
    """A red square on grey."""
    frame = np.full((*SIZE, 3), 90, np.uint8)
    frame[10:30, 20:50] = 200, 30, 10
    return frame


def photographed() -> np.ndarray:
    """The same with a sensor's noise."""
    return np.clip(drawn() + np.random.default_rng(0).normal(0, 6, (*SIZE, 3)), 0, 255).astype(np.uint8)


def test_a_drawn_frame_is_short_and_comes_back_to_the_bit():
    assert len(pack(drawn())) < drawn().nbytes / 20
    np.testing.assert_array_equal(unpack(pack(drawn()), SIZE), drawn())


def test_a_noisy_frame_is_short_and_comes_back_in_its_colours():
    packed = pack(photographed())
    assert len(packed) < photographed().nbytes / 2
    back = unpack(packed, SIZE).astype(int)
    assert np.abs(back - photographed()).mean() < 7
    np.testing.assert_allclose(back[12:28, 24:46].mean((0, 1)), (200, 30, 10), atol=4)  # red stays red


@pytest.mark.parametrize("frame", [drawn(), photographed()], ids=["lz4", "JPEG"])
def test_a_damaged_frame_is_refused_or_has_its_size(frame):
    packed = bytearray(pack(frame))
    rng = np.random.default_rng(1)
    cases = [b"", b"L", b"J", b"X" + packed[1:], packed[: len(packed) // 2]]
    for _ in range(100):
        changed = bytearray(packed)
        changed[int(rng.integers(len(packed)))] ^= int(rng.integers(1, 256))
        cases.append(changed)
    for data in cases:
        try:
            assert unpack(bytes(data), SIZE).shape == (*SIZE, 3)
        except InvalidInput as error:
            assert "is damaged" in str(error)
    with pytest.raises(InvalidInput, match="expected one of 80x64 px"):
        unpack(bytes(packed), (64, 80))
