"""Dropped pictures are counted by the gaps that they leave, at any rate and with jitter."""

import numpy as np
import pytest

from qtopt_agent.perception.frame_gaps import FrameGaps


def counted(stamps):
    gaps = FrameGaps()
    for stamp in stamps:
        gaps.came(stamp)
    return gaps.dropped


@pytest.mark.parametrize("rate", [2.0, 30.0, 90.0])
def test_a_steady_camera_with_jitter_drops_nothing(rate):
    times = np.arange(300) + np.random.default_rng(0).uniform(-0.1, 0.1, 300)
    assert counted(1000.0 + times / rate) == 0


@pytest.mark.parametrize("rate", [2.0, 30.0, 90.0])
def test_every_missing_picture_is_counted(rate):
    came = [i for i in range(100) if i not in (20, 40, 41, 60, 61, 62, 90)]
    assert counted([i / rate for i in came]) == 7


def test_a_clock_that_jumps_back_is_no_drop():
    assert counted([*np.arange(100, 101, 0.1), *np.arange(5, 6, 0.1)]) == 0


def test_a_frozen_capture_time_is_no_drop():
    assert counted([*np.arange(1, 2, 0.1), *[1.9] * 20]) == 0
