"""An arm whose driver died is told to stay where it is, and never sent to a place that is no place."""

import numpy as np
import pytest

from qtopt_agent.safety.driver_settings import DriverSettings, Output
from qtopt_agent.safety.limits import MotionLimits
from qtopt_agent.safety.stop_guard import REPEATS, StopGuardCore

from .conftest import BOX

SILENCE, PERIOD = 0.3, 0.02  # s
DOWN = (1.0, 0.0, 0.0, 0.0)
MEASURED, SETPOINT = (0.05, 0.0, 0.1), (0.07, 0.0, 0.1)
CLOCK = 1000.0  # s by which the stamping clock is ahead of steady time


class Graph:
    """A guard beside an armed driver, of an arm that tells its pose 50 times a second."""

    def __init__(self):
        self.guard = StopGuardCore(DriverSettings(MotionLimits(BOX, 0.1, 1.0), Output.POSE), SILENCE)
        self.now, self.said = 10.0, 0

    def run(self, seconds, driver=True, pose=(MEASURED, DOWN), stamp=None):
        for _ in range(round(seconds / PERIOD)):
            self.now += PERIOD
            clock = self.now + CLOCK
            if pose is not None:
                self.guard.measured(pose, clock if stamp is None else stamp, clock, self.now)
            if driver:
                self.guard.status(True, self.now)
                self.guard.setpoint(self.now, (SETPOINT, DOWN))
            self.said += self.guard.tick(self.now)
        return self


def test_a_living_driver_is_not_interrupted():
    graph = Graph().run(5.0)
    assert not graph.said and not graph.guard.died


def test_a_disarmed_driver_may_be_silent():
    graph = Graph().run(1.0)
    graph.guard.status(False, graph.now)
    graph.run(5.0, driver=False)
    assert not graph.said and not graph.guard.died


def test_the_arm_of_a_dead_driver_is_held_where_it_was_measured():
    graph = Graph().run(1.0).run(SILENCE - 2 * PERIOD, driver=False)
    assert not graph.said
    graph.run(1.0, driver=False)
    assert graph.guard.died and graph.said == REPEATS and not graph.guard.stopping
    np.testing.assert_allclose(graph.guard.hold[0], MEASURED)
    np.testing.assert_allclose(graph.guard.hold[1], DOWN)


@pytest.mark.parametrize(
    "broken",
    [
        {"pose": ((np.nan, 0.0, 0.1), DOWN)},
        {"pose": (MEASURED, (np.nan, 0.0, 0.0, 0.0))},
        {"pose": ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0))},
        {"pose": None},
        {"pose": ((-0.1, 0.0, 0.1), DOWN), "stamp": CLOCK + 5.0},
        {"pose": ((-0.1, 0.0, 0.1), DOWN), "stamp": CLOCK + 60.0},
    ],
    ids=["NaN position", "NaN orientation", "all zeros", "silent", "old stamp", "stamp ahead of the clock"],
)
def test_without_a_good_pose_the_last_set_point_is_held(broken):
    graph = Graph().run(1.0).run(1.0, driver=False, **broken)
    assert graph.guard.died and graph.said == REPEATS
    np.testing.assert_allclose(graph.guard.hold[0], SETPOINT)


def test_a_frozen_pose_is_no_place_to_go_back_to():
    graph = Graph().run(0.1, pose=((-0.1, 0.0, 0.1), DOWN))
    graph.run(1.0, stamp=graph.now + CLOCK).run(1.0, driver=False, stamp=graph.now + CLOCK)
    np.testing.assert_allclose(graph.guard.hold[0], SETPOINT)


def test_an_old_pose_that_comes_late_does_not_pass_for_the_fresh_one():
    graph = Graph().run(1.0).run(SILENCE - 2 * PERIOD, driver=False)
    graph.now += 3 * PERIOD
    clock = graph.now + CLOCK
    graph.guard.measured((MEASURED, DOWN), clock, clock, graph.now)
    graph.guard.measured(((-0.1, 0.0, 0.1), DOWN), clock - 5.0, clock, graph.now)
    assert graph.guard.tick(graph.now)
    assert graph.guard.died
    np.testing.assert_allclose(graph.guard.hold[0], MEASURED)


def test_the_arm_is_never_sent_out_of_its_box():
    graph = Graph().run(1.0, pose=((0.0, 0.0, -0.01), DOWN)).run(1.0, driver=False, pose=((0.0, 0.0, -0.01), DOWN))
    np.testing.assert_allclose(graph.guard.hold[0], (0.0, 0.0, 0.0))


def test_nothing_is_held_where_nothing_was_heard():
    graph = Graph()
    graph.guard.status(True, graph.now)
    graph.run(1.0, driver=False, pose=None)
    assert graph.guard.died and graph.guard.hold is None


def test_a_driver_that_comes_back_is_left_to_speak():
    graph = Graph().run(1.0).run(SILENCE + 2 * PERIOD, driver=False)
    said = graph.said
    assert 0 < said < REPEATS
    graph.run(1.0)
    assert graph.said == said and not graph.guard.died
