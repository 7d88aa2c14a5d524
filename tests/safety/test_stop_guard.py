"""An arm whose driver died is told to stay where it is, and never sent to a place that is no place."""

import numpy as np
import pytest

from qtopt_agent.safety.commands import DriverState
from qtopt_agent.safety.driver_settings import DriverSettings, Output
from qtopt_agent.safety.limits import MotionLimits
from qtopt_agent.safety.stop_guard import REPEATS, StopGuardCore

from .conftest import BOX

PERIOD = 0.02  # s
DOWN = (1.0, 0.0, 0.0, 0.0)
MEASURED, SETPOINT = (0.05, 0.0, 0.1), (0.07, 0.0, 0.1)
CLOCK = 1000.0  # s by which the stamping clock is ahead of steady time


class Graph:
    """A guard beside a driver, of an arm that tells its pose 50 times a second."""

    def __init__(self):
        self.settings = DriverSettings(MotionLimits(BOX, 0.1, 1.0), Output.POSE)
        self.silence = self.settings.ages.driver
        self.guard = StopGuardCore(self.settings)
        self.now, self.said = 10.0, 0

    def run(self, seconds, driver=DriverState.ARMED, pose=(MEASURED, DOWN), stamp=None):
        """`driver`: the state that it tells; None: it is dead."""
        for _ in range(round(seconds / PERIOD)):
            self.now += PERIOD
            if pose is not None:
                self.measured(pose, stamp)
            if driver is not None:
                self.guard.status(driver)
                self.guard.setpoint((SETPOINT, DOWN), self.now + CLOCK, self.now + CLOCK)
            self.said += self.guard.tick(self.now)
        return self

    def measured(self, pose, stamp=None):
        clock = self.now + CLOCK
        self.guard.measured(pose, clock if stamp is None else stamp, clock, self.now)


def test_a_living_driver_is_not_interrupted():
    graph = Graph().run(5.0)
    assert not graph.said and not graph.guard.died


def test_a_disarmed_driver_may_be_silent():
    graph = Graph().run(1.0).run(0.1, DriverState.DISARMED)
    graph.run(5.0, None)
    assert not graph.said and not graph.guard.died


@pytest.mark.parametrize("state", [DriverState.ARMED, DriverState.STOPPING, DriverState.HOLDING])
def test_the_arm_of_a_dead_driver_is_held_where_it_was_measured(state):
    graph = Graph().run(1.0, state)
    graph.run(graph.silence - 2 * PERIOD, None)
    assert not graph.said
    graph.run(1.0, None)
    assert graph.guard.died and graph.said == REPEATS and not graph.guard.stopping
    np.testing.assert_allclose(graph.guard.hold[0], MEASURED)
    np.testing.assert_allclose(graph.guard.hold[1], DOWN)


@pytest.mark.parametrize(
    "broken",
    [
        {"pose": ((np.nan, 0.0, 0.1), DOWN)},
        {"pose": (MEASURED, (np.nan, 0.0, 0.0, 0.0))},
        {"pose": ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0))},
        {"pose": ((0.0, 0.0, 0.0), (0.0, 1e-310, 0.0, 0.0))},
        {"pose": None},
        {"pose": ((-0.1, 0.0, 0.1), DOWN), "stamp": 0.0},
        {"pose": ((-0.1, 0.0, 0.1), DOWN), "stamp": CLOCK + 5.0},
        {"pose": ((-0.1, 0.0, 0.1), DOWN), "stamp": CLOCK + 60.0},
    ],
    ids=["NaN", "NaN orientation", "all zeros", "denormal", "silent", "unstamped", "old stamp", "ahead of the clock"],
)
def test_without_a_good_pose_the_drivers_last_set_point_is_held(broken):
    graph = Graph().run(1.0).run(1.0, None, **broken)
    assert graph.guard.died and graph.said == REPEATS
    np.testing.assert_allclose(graph.guard.hold[0], SETPOINT)


def test_a_set_point_that_is_old_or_comes_after_the_drivers_last_word_is_not_its_own():
    graph = Graph().run(1.0)
    graph.run(0.2, None)
    clock = graph.now + CLOCK
    graph.guard.setpoint(((-0.1, 0.0, 0.1), DOWN), clock, clock)
    graph.guard.status(DriverState.ARMED)
    graph.guard.setpoint(((-0.1, 0.1, 0.1), DOWN), clock - 5.0, clock)
    graph.run(1.0, None, pose=None)
    np.testing.assert_allclose(graph.guard.hold[0], SETPOINT)


def test_nothing_is_held_beside_a_stranger_where_the_pose_is_not_known():
    graph = Graph().run(1.0)
    graph.guard.watched(["/intruder"])
    graph.run(1.0, None, pose=None)
    assert graph.guard.died and graph.guard.hold is None


def test_a_frozen_pose_is_no_place_to_go_back_to():
    graph = Graph().run(0.1, pose=((-0.1, 0.0, 0.1), DOWN))
    graph.run(1.0, stamp=graph.now + CLOCK).run(1.0, None, stamp=graph.now + CLOCK)
    np.testing.assert_allclose(graph.guard.hold[0], SETPOINT)


def test_nor_is_one_that_came_once():
    graph = Graph().run(1.0)
    graph.run(graph.silence - 2 * PERIOD, None)
    graph.now += 3 * PERIOD
    graph.measured(((-0.1, 0.0, 0.1), DOWN))
    assert graph.guard.tick(graph.now)
    np.testing.assert_allclose(graph.guard.hold[0], SETPOINT)


def test_nor_one_that_is_turned_further_than_the_arm_can_turn():
    graph = Graph().run(1.0)
    graph.run(graph.silence - 2 * PERIOD, None)
    graph.now += 3 * PERIOD
    graph.measured((MEASURED, (0.0, 0.0, 0.0, 1.0)))
    assert graph.guard.tick(graph.now)
    np.testing.assert_allclose(graph.guard.hold[0], SETPOINT)


def test_an_old_pose_that_comes_late_does_not_pass_for_the_fresh_one():
    graph = Graph().run(1.0)
    graph.run(graph.silence - 2 * PERIOD, None)
    graph.now += 3 * PERIOD
    graph.measured((MEASURED, DOWN))
    graph.measured(((0.07, 0.0, 0.1), DOWN), graph.now + CLOCK - 5.0)
    assert graph.guard.tick(graph.now)
    np.testing.assert_allclose(graph.guard.hold[0], MEASURED)


def test_the_arm_is_never_sent_out_of_its_box():
    graph = Graph().run(1.0, pose=((0.0, 0.0, -0.01), DOWN)).run(1.0, None, pose=((0.0, 0.0, -0.01), DOWN))
    np.testing.assert_allclose(graph.guard.hold[0], (0.0, 0.0, 0.0))


def test_a_guard_that_was_held_up_itself_blames_nobody_for_it():
    graph = Graph().run(1.0)
    graph.now += 5.0
    assert not graph.guard.tick(graph.now)  # before anything that came meanwhile has been read
    graph.run(1.0)
    assert not graph.said and not graph.guard.died


def test_but_it_still_finds_a_driver_that_died_meanwhile():
    graph = Graph().run(1.0)
    graph.now += 5.0
    graph.run(1.0, None)
    assert graph.guard.died and graph.said == REPEATS
    np.testing.assert_allclose(graph.guard.hold[0], MEASURED)


def test_a_driver_that_comes_back_armed_is_overruled_until_it_stops():
    graph = Graph().run(1.0)
    graph.run(graph.silence + PERIOD, None)
    assert graph.guard.died
    said = graph.said
    graph.run(1.0)
    assert graph.said == said + 50 and graph.guard.died
    said = graph.said
    graph.run(1.0, DriverState.HOLDING).run(1.0)
    assert graph.said == said and not graph.guard.died


def test_it_goes_on_telling_while_a_stranger_publishes_set_points():
    graph = Graph().run(1.0)
    graph.guard.watched(["/intruder"])
    graph.run(2.0, None)
    assert graph.said > 5 * REPEATS
    graph.guard.watched([])
    said = graph.said
    graph.run(1.0, None)
    assert graph.said == said
