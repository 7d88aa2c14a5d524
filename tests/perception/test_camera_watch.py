"""A camera that stalls, freezes or crawls is told from one that is well."""

import pytest

from qtopt_agent.perception.camera_watch import CameraWatch


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def play(watch, clock, rate, seconds, stamp=lambda now: now):
    for _ in range(round(rate * seconds)):
        clock.now += 1 / rate
        watch.taken(stamp(clock.now))
    return watch.report()


def test_a_camera_at_its_rate_is_well(clock):
    report = play(CameraWatch(32.0, 1.0, clock), clock, 32, 5)
    assert (report.stalled, report.slow) == (False, False)
    assert report.text == "32.0 pictures/s" and report.values["pictures"] == 160


def test_a_camera_at_2_hz_is_slow(clock):
    report = play(CameraWatch(30.0, 1.0, clock), clock, 2, 5)
    assert report.slow and not report.stalled and report.text == "2.0 pictures/s, asked for 30.0"


def test_the_first_seconds_are_no_sign_of_slowness(clock):
    assert not play(CameraWatch(30.0, 1.0, clock), clock, 2, 1).slow


def test_a_camera_that_repeats_an_old_stamp_is_frozen(clock):
    watch = CameraWatch(30.0, 1.0, clock)
    play(watch, clock, 30, 5)
    report = play(watch, clock, 30, 3, stamp=lambda now: 105.0)
    assert report.stalled and "capture times have stood still for 3.0 s" in report.text
    assert not play(watch, clock, 30, 1).stalled  # until they go on


def test_a_camera_from_which_nothing_comes_has_stalled(clock):
    watch = CameraWatch(30.0, 1.0, clock)
    play(watch, clock, 30, 5)
    assert [watch.stalled(), watch.stalled()] == [1, 2]
    clock.now += 2.5
    report = watch.report()
    assert report.stalled and "no picture for 2.5 s" in report.text and report.values["stalls"] == 2
    watch.taken(clock.now)
    assert watch.stalled() == 1 and not watch.report().stalled
