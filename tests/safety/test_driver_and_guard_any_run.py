"""Whatever happens to a driver, its guard and their arm: nothing moves that should not, and the last word is a stop.

QTOPT_FUZZ=20000 tries as many random sequences.
"""

import os

import numpy as np
import pytest

from qtopt_agent.safety.commands import DriverState
from qtopt_agent.safety.driver_settings import Output
from qtopt_agent.safety.reasons import Reason
from qtopt_agent.safety.stop_guard import StopGuardCore
from qtopt_agent.safety.tool_pose import orientation_at

from .conftest import SLACK, TICK, assert_within_limits

SEQUENCES = int(os.environ.get("QTOPT_FUZZ", "60"))
DOWN = np.array([1.0, 0.0, 0.0, 0.0])
EVENTS = (
    *("move", "move", "move", "silence", "speak", "freeze", "wrong pose", "clock", "shove", "block", "stranger"),
    *("sleep driver", "sleep guard", "resume", "disarm", "arm", "NaN", "intruder"),
)
RESTING = DriverState.HOLDING, DriverState.DISARMED


class Cell:
    """A driver and its guard as two processes with queues between, either of which may be held up or killed."""

    def __init__(self, bench, rng):
        self.bench, self.rng = bench, rng
        self.guard = StopGuardCore(bench.settings)
        self.asleep = {"driver": 0.0, "guard": 0.0}  # until when
        self.dead = False
        self.said = []  # (time, state) not yet read by the guard
        self.last = None  # what the arm was told last: (position, velocity)
        self.overruled = False  # by the guard, since the driver last spoke
        self.shoved = False
        self.streamed = None  # the last set point: position, yaw, stamp

    def awake(self, who):
        return self.bench.now >= self.asleep[who] and not (who == "driver" and self.dead)

    def run(self, seconds):
        end = self.bench.now + seconds
        while self.bench.now < end:
            self.tick()

    def tick(self):
        bench = self.bench
        bench.now += TICK
        if self.awake("driver"):
            self._drive()
        if self.awake("guard"):
            self._guard()
        self._follow()

    def _drive(self):
        bench = self.bench
        gap = bench.settings.longest_tick
        late = bench.driver._last_tick is not None and bench.now - bench.driver._last_tick > gap
        if not late:  # timers come before what waits to be read
            bench.sense()
        if bench.alive and bench.driver.moving and bench.last_command is not None:
            bench.driver.command(bench.last_command, bench.clock, bench.now)
        setpoint = bench.driver.tick(bench.now)
        if late:
            bench.sense()
        self.said.append(bench.driver.state)
        assert not (self.overruled and bench.driver.state == DriverState.ARMED)  # only a resume may do that
        self.overruled = False
        if setpoint is not None and setpoint.streaming:
            bench.sent.append(setpoint)
            bench.times.append(bench.now)
            bench.places.append(bench.position)
            self.last = (setpoint.pose.position, setpoint.velocity)
            self.streamed = setpoint.pose.position, setpoint.pose.yaw, bench.clock
            self._near(setpoint.pose.position)

    def _guard(self):
        bench = self.bench
        if self.rng.random() < 0.5:  # it ticks half as often
            return
        was_awake = self.guard._last_tick is None or bench.now - self.guard._last_tick < 3 * TICK
        if was_awake:
            self._read()
        speaks = self.guard.tick(bench.now)
        if not was_awake:
            assert not speaks or self.guard.died
            self._read()
        if speaks:
            self.overruled = True
            hold = None if self.guard.hold is None else self.guard.hold[0]
            if bench.output == Output.TWIST:
                self.last = (None, np.zeros(3))
            elif hold is not None:
                self.last = (hold, np.zeros(3))
                self._near(hold)

    def _read(self):
        for state in self.said:
            self.guard.status(state)
        self.said.clear()
        bench = self.bench
        if self.streamed is not None:
            place, yaw, stamp = self.streamed
            self.guard.setpoint((place, orientation_at(yaw, DOWN)), stamp, bench.clock)
        if "pose" not in bench.silent:
            orientation = orientation_at(bench.yaw, DOWN)
            self.guard.measured((bench.position, orientation), bench.stamp("pose"), bench.clock, bench.now)

    def _near(self, position):
        """No set point is farther from the measured pose than the lead and the way that braking needs."""
        bench = self.bench
        if bench.output == Output.POSE and not self.shoved:
            stale = bench.settings.rates.speed * (bench.settings.ages.pose + 2 * TICK)  # what nobody can know of
            limit = bench.settings.lead + bench.settings.braking + stale
            assert np.linalg.norm(position - bench.position) <= limit + SLACK

    def _follow(self):
        bench = self.bench
        if self.last is None or bench.blocked:
            return
        position, velocity = self.last
        if bench.output == Output.TWIST:
            bench.position = bench.position + velocity * TICK
        else:
            bench.position = bench.position + (1 - np.exp(-TICK / 0.05)) * (position - bench.position)


def happen(cell, rng):
    """One thing goes wrong, or a person or an agent does something."""
    bench, driver = cell.bench, cell.bench.driver
    event = str(rng.choice(EVENTS))
    if event == "move":
        bench.alive = True
        bench.move(*rng.uniform(-0.12, 0.12, 3), yaw=rng.uniform(-1, 1))
    elif event == "silence":
        bench.silent.add(str(rng.choice(["camera", "gripper", "pose"])))
    elif event == "speak":
        bench.silent.clear()
        bench.frozen.clear()
        bench.blocked = False
        driver.watched([])
    elif event == "freeze":
        bench.frozen[str(rng.choice(["camera", "gripper", "pose"]))] = bench.clock
    elif event == "wrong pose":
        wrong = bench.position + rng.uniform(-0.3, 0.3, 3)
        driver.measured(wrong, bench.yaw, bench.clock, bench.clock, bench.now)
        cell.guard.measured((wrong, orientation_at(bench.yaw, DOWN)), bench.clock, bench.clock, bench.now)
    elif event == "clock":
        bench.clock_offset += rng.uniform(-5, 5)
    elif event == "shove":
        cell.shoved = True
        bench.position = bench.settings.step.workspace.clip(bench.position + rng.uniform(-0.15, 0.15, 3))
    elif event == "block":
        bench.blocked = True
    elif event.startswith("sleep"):
        cell.asleep[event.split()[1]] = bench.now + float(rng.choice([0.1, 0.6, 5.0]))
    elif event == "stranger":
        driver.watched(["/intruder"])
    elif event == "resume" and driver.state == DriverState.HOLDING:
        driver.resume(bench.now)
    elif event == "arm" and driver.state == DriverState.DISARMED and not driver.arm(bench.now):
        assert_within_limits(bench)
        bench.sent.clear()  # armed anew, the set point begins where the arm is by then
        bench.times.clear()
        bench.places.clear()
        cell.shoved = False
    elif event == "disarm":
        driver.disarm()
    elif event == "NaN":
        driver.measured(np.array([np.nan, 0, 0]), 0.0, bench.clock, bench.clock, bench.now)
    elif event == "intruder":
        bench.move(x=0.05, writer="intruder")


@pytest.mark.parametrize("output", list(Output))
def test_whatever_happens_nothing_moves_that_should_not_and_the_last_word_is_a_stop(make_bench, output):
    for seed in range(SEQUENCES // 2):
        rng = np.random.default_rng(seed)
        bench = make_bench(output)
        bench.arm()
        bench.sent.clear()
        bench.times.clear()
        bench.places.clear()
        cell = Cell(bench, rng)
        cell.run(0.3)
        for _ in range(rng.integers(1, 12)):
            if cell.awake("driver"):
                happen(cell, rng)
            cell.run(float(rng.choice([0.02, 0.1, 0.4])))
        cell.dead = bool(rng.random() < 0.5)
        resting = bench.driver.state in RESTING
        bench.alive = False
        cell.asleep["guard"] = 0.0
        bench.silent.update(["camera", "gripper"])
        cell.run(2.5 if cell.dead else 8.0)
        note = f"seed {seed}, {output}"
        assert_within_limits(bench)
        assert cell.guard.died == (cell.dead and bench.driver.state != DriverState.DISARMED), note
        if not cell.dead:
            assert bench.driver.state in RESTING, note
        if cell.last is not None and not resting:
            still = bench.position
            cell.run(1.0)
            assert not cell.last[1].any() or output == Output.POSE, note
            assert np.linalg.norm(bench.position - still) < 1e-4, note  # it has come to rest
        assert Reason.SECOND_WRITER not in bench.driver.faults or not bench.driver.moving, note
