"""A goal of a gripper's action ends when the jaw is there, or has not moved for a second."""

from qtopt_agent.twin.jaw import STALL_TIME, JawGoal


def test_a_goal_is_reached_within_its_tolerance():
    goal = JawGoal(0.8, tolerance=0.02, still=0.04)
    assert not goal.ended(0.0, 0.0, 1.0)
    assert not goal.ended(0.5, 1.2, 1.4)
    assert goal.ended(0.79, 1.2, 1.7) and goal.reached and not goal.stalled


def test_a_jaw_that_stands_short_of_its_goal_has_stalled_after_a_second():
    goal = JawGoal(0.8, tolerance=0.02, still=0.04)
    assert not goal.ended(0.3, 1.2, 2.0)
    assert not goal.ended(0.4, 0.01, 2.0 + 0.9 * STALL_TIME)
    assert goal.ended(0.4, 0.01, 2.0 + 1.1 * STALL_TIME) and goal.stalled and not goal.reached
