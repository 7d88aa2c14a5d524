"""What a rehearsal's checker makes of truths and episodes made by hand."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.rehearsal import Line, begins_well, compared, held, outside, read_truth
from qtopt_agent.core.cell import EMBEDDED
from qtopt_agent.core.episode import Episode, Step
from qtopt_agent.core.observation import Observation

START = Line(0.0, [0.01, -0.02, 0.19], 0.085, False, [[0.0, 0.0, 0.02, 0.0]])
CARRIED = replace(START, aperture=0.03, closed=True, objects=[[0.01, -0.02, 0.19, 0.17]])
EMPTY = replace(START, aperture=0.0, closed=True)


def episode(begin, end, success, truncated=False):
    def seen(stamp):
        return Observation(np.zeros((2, 2, 3), np.uint8), np.zeros(1, np.float32), stamp)

    action = np.zeros(8, np.float32)
    step = Step(seen(begin), action, action, 0.0, not truncated, 0.0)
    return Episode(f"at{begin}", (step,), seen(end), success, truncated, "compact", "m", "greedy", 0)


def lines(*moments):
    """One a second."""
    return [replace(line, stamp=float(stamp)) for stamp, line in enumerate(moments)]


def test_a_cycle_begins_open_and_at_a_start_pose():
    assert begins_well(START, EMBEDDED)
    for wrong in (EMPTY, replace(START, tips=[0.1, 0.0, 0.19]), replace(START, tips=[0.0, 0.0, 0.1])):
        assert not begins_well(wrong, EMBEDDED)


def test_held_is_what_is_carried_when_the_hand_is_last_up_with_a_closed_jaw():
    low = replace(CARRIED, tips=[0.0, 0.0, 0.02], objects=[[0.0, 0.0, 0.02, 0.0]])
    assert held([CARRIED, low, START], EMBEDDED) is True
    assert held([CARRIED, EMPTY, START], EMBEDDED) is False  # lost on the way
    assert held([START], EMBEDDED) is False
    assert held([CARRIED, CARRIED], EMBEDDED) is None


def test_labels_are_compared_attempt_by_attempt():
    truth = lines(START, START, CARRIED, START, START, EMPTY, START, START, CARRIED, START)
    episodes = [episode(7.5, 8.5, False), episode(0.5, 2.5, True), episode(4.5, 5.5, False)]
    counts = compared(truth, episodes, EMBEDDED)
    assert (counts["cycles"], counts["agree"], counts["begun_well"], counts["successes"]) == (3, 2, 3, 1)
    assert counts["wrong"] == ["at7.5 held something"]


def test_an_object_beside_the_bin_is_counted_once_and_cut_episodes_are_no_cycles():
    gone = replace(START, objects=[[0.4, 0.0, 0.0, -0.02]])
    assert (outside(START, EMBEDDED), outside(gone, EMBEDDED)) == (0, 1)
    truth = lines(START, START, EMPTY, gone, gone, replace(EMPTY, objects=gone.objects), gone, gone)
    counts = compared(
        truth, [episode(0.5, 2.5, False), episode(3.5, 5.5, False), episode(6.5, 7.0, True, True)], EMBEDDED
    )
    assert (counts["cycles"], counts["stayed"], counts["cut"], counts["cut_successes"]) == (2, 1, 1, 1)


def test_a_line_that_is_cut_is_none(tmp_path):
    whole = '{"stamp": 1.0, "tips": [0, 0, 0.2], "aperture": 0.08, "closed": false, "objects": []}'
    (tmp_path / "truth").write_text(f"{whole}\n{whole[:30]}")
    assert [line.stamp for line in read_truth(tmp_path / "truth")] == pytest.approx([1.0])
