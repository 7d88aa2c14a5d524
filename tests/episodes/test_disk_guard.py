"""Recording stops before the disk is full, and does not flicker at the limit."""

import pytest

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.episodes.disk_guard import DiskGuard


def test_recording_stops_at_one_limit_and_goes_on_at_a_higher_one(tmp_path):
    free = [0]
    guard = DiskGuard(tmp_path, stop=100, go_on=200, free=lambda folder: free[0])
    answers = []
    for free[0] in (500, 101, 100, 150, 199, 200, 101):
        answers.append(guard.room())
    assert answers == [True, True, False, False, False, True, True]


def test_a_failed_write_stops_recording_until_there_is_plenty(tmp_path):
    free = [150]
    guard = DiskGuard(tmp_path, stop=100, go_on=200, free=lambda folder: free[0])
    assert guard.room()
    guard.failed()
    assert not guard.room() and "NOT recording" in str(guard)
    free[0] = 200
    assert guard.room()


def test_a_folder_that_does_not_exist_yet_is_measured_where_it_will_be(tmp_path):
    seen = []
    DiskGuard(tmp_path / "a" / "b", free=lambda folder: seen.append(folder) or 1).room()
    assert seen == [tmp_path]
    assert DiskGuard(tmp_path).free() > 0


def test_limits_must_be_in_order(tmp_path):
    with pytest.raises(InvalidInput, match="go on"):
        DiskGuard(tmp_path, stop=5, go_on=5)
