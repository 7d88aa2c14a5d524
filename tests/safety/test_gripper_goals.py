"""A gripper's action server is asked until it has done what it was told, and what it does not do is said."""

import re
from itertools import pairwise

import pytest

from qtopt_agent.core.action import GripperCommand
from qtopt_agent.safety.gripper_goals import ANSWER_TIME, GripperGoals

CLOSE, OPEN, KEEP = GripperCommand.CLOSE, GripperCommand.OPEN, GripperCommand.KEEP


def there():
    return True


def gone():
    return False


@pytest.fixture
def goals():
    return GripperGoals("/hand/gripper_cmd")


def sent(goals, command, end, begin=0.0, is_there=there, after=lambda number, now: None, step=0.01):
    """Times at which goals are sent while `command` holds from `begin` to `end`; `after(number, now)` answers each."""
    times, now = [], begin
    while now < end:
        number = goals.want(command, is_there, now)
        if number is not None:
            times.append(now)
            after(number, now)
        now += step
    return times


def test_a_goal_that_is_reached_is_sent_once(goals):
    def reached(number, now):
        goals.answered(number, True, now)
        goals.ended(number, True, False, True, now)

    assert len(sent(goals, CLOSE, 60.0, after=reached)) == 1 and not goals.trouble
    assert len(sent(goals, OPEN, 120.0, begin=60.0, after=reached)) == 1 and not goals.trouble
    assert not sent(goals, KEEP, 130.0, begin=120.0)
    goals.forget()
    assert len(sent(goals, OPEN, 140.0, begin=130.0, after=reached)) == 1


def test_a_server_that_is_not_there_is_named_and_asked_as_soon_as_it_is(goals):
    assert not sent(goals, CLOSE, 5.0, is_there=gone)
    assert goals.trouble == "the gripper's action server /hand/gripper_cmd is not there" == goals.absent(False)
    assert sent(goals, CLOSE, 5.5, begin=5.0)[0] == 5.0 and not goals.absent(True)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda goals, number, now: goals.answered(number, False, now), "refuses to close"),
        (lambda goals, number, now: goals.ended(number, False, False, False, now), "does not close: .*aborted"),
        (lambda goals, number, now: None, "does not answer within 2 s"),
        (lambda goals, number, now: goals.answered(number, True, now), "has brought no result within 10 s"),
    ],
)
def test_what_is_not_done_is_said_and_asked_again_ever_less_often(goals, answer, said):
    times = sent(goals, CLOSE, 100.0, after=lambda number, now: answer(goals, number, now))
    pauses = [round(later - earlier, 1) for earlier, later in pairwise(times)]
    assert 5 < len(times) < 40 and pauses == sorted(pauses) and pauses[0] < pauses[-1]
    assert re.search(said, goals.trouble), goals.trouble
    sent(goals, CLOSE, 120.0, begin=100.0, after=lambda number, now: goals.ended(number, True, False, True, now))
    assert not goals.trouble


@pytest.mark.parametrize("succeeded", [True, False])
def test_a_jaw_that_stalls_on_an_object_has_closed_and_one_that_stalls_has_not_opened(goals, succeeded):
    goals.ended(goals.want(CLOSE, there, 0.0), succeeded, True, False, 1.0)
    assert not goals.trouble and not sent(goals, CLOSE, 20.0, begin=1.0)
    goals.ended(goals.want(OPEN, there, 20.0), succeeded, True, False, 21.0)
    assert "does not open: the jaw has stalled" in goals.trouble
    assert len(sent(goals, OPEN, 22.0, begin=21.0)) == 1


def test_an_answer_to_a_goal_that_was_replaced_counts_for_nothing(goals):
    first = goals.want(CLOSE, there, 0.0)
    second = goals.want(OPEN, there, 0.1)
    goals.answered(first, False, 0.2)
    goals.ended(first, False, False, False, 0.2)
    assert not goals.trouble
    goals.ended(second, True, False, True, 0.3)
    assert not sent(goals, OPEN, 2 * ANSWER_TIME, begin=0.3)
