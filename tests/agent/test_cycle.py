"""A cycle, an arm driver, an arm and a bin in one process on invented time: it goes round, and holds when it should."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from qtopt_agent.agent.cycle import Cycle
from qtopt_agent.agent.cycle_values import Answer, CycleSettings, CycleState, Fill, Service
from qtopt_agent.agent.places import Places
from qtopt_agent.agent.values import DriverStatus, Outcome
from qtopt_agent.core.action import Action, GripperCommand
from qtopt_agent.core.cell import EMBEDDED
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.safety.arm_driver import ArmDriverCore
from qtopt_agent.safety.commands import NOTHING, STOP, DriverState, MotionCommand
from qtopt_agent.safety.driver_settings import DriverSettings, Output
from qtopt_agent.safety.limits import MotionLimits, WorkspaceBox
from qtopt_agent.safety.motion import RateLimits

TICK = 0.02
BOX = WorkspaceBox(EMBEDDED.workspace.low, EMBEDDED.workspace.high)
LIMITS = DriverSettings(
    MotionLimits(BOX, 0.11, 1.6), Output.POSE, RateLimits(0.6, 8.0, 8.0, 80.0), gripper_time=0.1, period=TICK
)
WIDTH = 0.03  # m of an object
ATTEMPT_STEPS = ((0.0, GripperCommand.OPEN), (-0.1, GripperCommand.KEEP), (-0.1, GripperCommand.CLOSE))


@dataclass
class Attempt:
    """How the agent's next attempts go: down, close, and whether there is something between the fingers then."""

    grasps: bool = True
    closes: bool = True
    outcome: Outcome = Outcome.TERMINATED
    accepted: bool = True
    judged: bool = True


class Ring:
    """All of a graph but the cycle, which `cycle` is. What goes wrong with it may be set while it runs."""

    def __init__(self, needs=("agent",), **settings):
        self.now, self.sequence = 100.0, 0
        self.driver = ArmDriverCore(LIMITS)
        self.position, self.yaw = np.array([0.05, 0.0, 0.1]), 0.3
        self.aperture, self.closed, self.held, self.clings, self.blocked = 0.085, False, False, 0, 0
        self.width, self.jaw_every, self.ticks = WIDTH, 1, 0  # ticks between two states of the jaw
        self.camera_on = self.driver_alive = True
        self.alive, self.wrong = dict.fromkeys(needs, True), {}
        self.attempt, self.fill, self.changed = Attempt(), Fill.UNKNOWN, False
        self.services = dict.fromkeys(Service, True)
        self.starts, self.dropped, self.asked, self.setpoints, self.labels = [], [], [], [], []
        self.answers, self.agent_doing, self.cancelled = [], None, 0
        given = {"settle": 0.1, "look": 0.5, "refusal_time": 3.0, "silence": 1.0, **settings}
        self.cycle = Cycle(
            Places(EMBEDDED, BOX),
            LIMITS,
            0.085,
            tuple(needs),
            CycleSettings(**given),
            "cycle",
            *(lambda: self.now,) * 2,
        )
        self.run(0.2)
        assert self.driver.arm(self.now) == ()

    def run(self, seconds):
        for _ in range(round(seconds / TICK)):
            self.tick()

    def until(self, condition, what, seconds=120.0):
        for _ in range(round(seconds / TICK)):
            if condition():
                return
            self.tick()
        raise AssertionError(f"{what}: not within {seconds} s, {self.cycle.state.name}: {self.cycle.text}")

    def until_state(self, state, seconds=120.0):
        self.until(lambda: self.cycle.state == state, state.name, seconds)

    def tick(self):
        self.now += TICK
        for name, alive in self.alive.items():
            if alive:
                self.cycle.heard(name, self.wrong.get(name, ""))
        if self.camera_on:
            self.driver.camera(self.now, self.now, self.now)
        self.driver.gripper(self.aperture, self.now, self.now, self.now)
        self.driver.measured(self.position, self.yaw, self.now, self.now, self.now)
        self.cycle.hand.pose(self.position, self.yaw)
        if self.driver_alive:
            self._drive()
        self.ticks += 1
        if self.ticks % self.jaw_every == 0:
            self.cycle.hand.gripper(self.aperture, self.closed)
        if self.agent_doing is not None:
            next(self.agent_doing, None)
        for ask, answer in self.answers:
            self.cycle.answered(ask, answer)
        self.answers = []
        self.do(self.cycle.tick())

    def _drive(self):
        setpoint = self.driver.tick(self.now)
        if setpoint is not None and setpoint.streaming:
            self.setpoints.append(setpoint)
            self.position = setpoint.pose.position
            self.yaw = (setpoint.pose.yaw + np.pi) % (2 * np.pi) - np.pi
            self._move_jaw(setpoint.gripper)
        report = self.driver.report
        about = (report.asked.writer, report.asked.sequence, report.allowed) if report else ("", 0, NOTHING)
        text = ", ".join(self.driver.faults)
        self.cycle.hand.status(DriverStatus(self.driver.state, self.driver.moving, *about, text, self.driver.faults))

    def _move_jaw(self, told):
        if told == GripperCommand.CLOSE:
            if not self.closed:
                self.held = self.held or (self.agent_doing is not None and self.attempt.grasps)
            self.closed, self.aperture = True, self.width if self.held else 0.0
        elif told == GripperCommand.OPEN and (self.closed or self.aperture < 0.08):
            if self.closed and self.blocked:
                self.blocked -= 1
                self.closed, self.aperture = False, 0.04
                return
            if not self.closed:
                return
            self.closed, self.aperture = False, 0.085
            if self.held and self.clings:
                self.clings -= 1
            elif self.held:
                self.held = False
                self.dropped.append(self.position.copy())

    def do(self, output):
        if output.command is not None:
            self.driver.command(output.command, self.now, self.now)
        if output.cancel:
            self.cancelled += 1
            if self.agent_doing is not None:
                self.command(STOP)
                self.agent_doing = None
        if output.ask is not None:
            self.asked.append(output.ask)
            if self.services[output.ask.service]:
                self._answer(output.ask)

    def _answer(self, ask):
        if ask.service == Service.GRASP:
            self.agent_doing = self._attempt(ask)
        elif ask.service == Service.JUDGE:
            self.answers.append((ask, Answer(True, 0.003 < self.aperture < 0.08)))
        elif ask.service == Service.BEFORE:
            self.before = self.held, len(self.dropped)
            self.answers.append((ask, Answer(True)))
        elif ask.service == Service.AFTER:
            success = self.before != (self.held, len(self.dropped))
            self.labels.append((ask.episode_id, success))
            self.answers.append((ask, Answer(True, success)))
        elif ask.service == Service.LOOK:
            self.answers.append((ask, Answer(True, self.changed, fill=self.fill)))
        elif not (faults := self.driver.resume(self.now)):
            self.answers.append((ask, Answer(True)))
        else:
            self.answers.append((ask, Answer(False, message=", ".join(faults))))

    def command(self, action):
        self.sequence += 1
        command = MotionCommand(action, "agent", self.sequence, self.now)
        self.driver.command(command, self.now, self.now)
        return command

    def _attempt(self, ask):
        episode_id = f"attempt{len(self.starts)}"
        if not self.attempt.accepted:
            self.answers.append((ask, Answer(False, message="it is refused")))
            return
        self.starts.append((self.position.copy(), self.yaw, self.aperture, self.closed))
        for z, jaw in ATTEMPT_STEPS[: 3 if self.attempt.closes else 2]:
            command = self.command(Action(np.float32([0, 0, z]), 0.0, jaw))
            for _ in range(40):
                yield
                if not self.driver.moving:
                    break
                self.driver.command(command, self.now, self.now)
        self.command(STOP)
        yield
        self.agent_doing = None
        success = self.attempt.judged and self.held
        self.answers.append((ask, Answer(True, success, "", self.attempt.outcome, episode_id)))

    def assert_still(self):
        self.run(0.5)
        before, asked = self.position.copy(), len(self.asked)
        self.run(3.0)
        assert np.abs(self.position - before).max() < 1e-6 and len(self.asked) == asked

    def asked_for(self, service):
        return [ask for ask in self.asked if ask.service == service]


def round_and_round(ring, attempts):
    ring.until(lambda: ring.cycle.counts.attempts >= attempts, f"{attempts} attempts")


def test_every_attempt_begins_at_another_start_pose_with_an_open_jaw():
    ring = Ring()
    round_and_round(ring, 6)
    attempt, places = EMBEDDED.attempt, np.array([place for place, *_ in ring.starts])
    assert (np.abs(places[:, :2]) <= attempt.start_spread + 0.01).all()
    assert ((places[:, 2] > attempt.start_height[0] - 0.01) & (places[:, 2] < attempt.start_height[1] + 0.01)).all()
    assert np.ptp(places, axis=0).min() > 0.01 and np.ptp([yaw for _, yaw, *_ in ring.starts]) > 1
    assert all(aperture == 0.085 and not closed for _, _, aperture, closed in ring.starts)


def test_what_is_held_is_dropped_low_at_another_place_well_inside_the_bin():
    ring = Ring()
    round_and_round(ring, 6)
    places = np.array(ring.dropped)
    assert len(places) == 6 and np.abs(places[:, :2]).max() < 0.09 and np.ptp(places[:, :2], axis=0).min() > 0.03
    assert places[:, 2].max() < 0.03  # it was taken up from the floor
    assert ring.cycle.counts.successes == 6 and [success for _, success in ring.labels] == [True] * 6


def test_the_hand_goes_sideways_only_where_it_is_clear_of_the_bin():
    ring = Ring()
    ring.until(lambda: ring.cycle.state == CycleState.DROPPING, "a drop")
    ring.setpoints.clear()
    ring.until(lambda: ring.cycle.state == CycleState.GRASPING, "the next attempt")
    told = np.array([each.pose.position for each in ring.setpoints])
    sideways = np.linalg.norm(np.diff(told[:, :2], axis=0), axis=1) > 1e-3
    assert told[1:][sideways, 2].min() > EMBEDDED.attempt.start_height[0] - 0.015


def test_pictures_have_the_last_word_on_an_attempt_and_its_label():
    ring = Ring()
    ring.attempt.grasps = False
    round_and_round(ring, 2)
    assert ring.labels == [("attempt0", False), ("attempt1", False)] and ring.cycle.counts.successes == 0
    ring.attempt = Attempt(judged=False)  # nobody could say at its end
    round_and_round(ring, 3)
    assert ring.labels[-1] == ("attempt2", True) and ring.cycle.counts.successes == 1


def test_a_jaw_that_never_closed_has_nothing_to_drop():
    ring = Ring()
    ring.attempt = Attempt(closes=False)
    round_and_round(ring, 2)
    assert not ring.asked_for(Service.BEFORE) and ring.cycle.counts.successes == 0


def test_it_ends_after_as_many_attempts_as_were_asked_for_at_rest_with_an_open_jaw():
    ring = Ring(count=2)
    ring.until_state(CycleState.DONE)
    assert ring.cycle.counts.attempts == 2 and ring.aperture == 0.085
    ring.assert_still()


def test_what_is_in_the_jaw_when_it_starts_is_put_into_the_bin_first():
    ring = Ring()
    ring.closed, ring.held, ring.aperture = True, True, WIDTH
    ring.cycle.hand.closed = True
    ring.until(lambda: ring.starts, "an attempt")
    assert len(ring.dropped) == 0 or np.abs(ring.dropped[0][:2]).max() < 0.09
    assert ring.starts[0][2] == 0.085


def test_an_object_stuck_in_the_jaw_is_shaken_and_then_waited_for():
    ring = Ring(tries=2)
    ring.blocked = 1
    round_and_round(ring, 1)
    assert ring.cycle.counts.stuck == 1
    ring.blocked = 99
    ring.until_state(CycleState.HOLDING)
    assert "0.040 m only, expected 0.077" in ring.cycle.text
    ring.assert_still()
    ring.blocked = 0
    ring.cycle.resume()
    round_and_round(ring, 3)


def test_an_object_that_clings_to_an_open_jaw_is_found_by_closing_it_again():
    ring = Ring(tries=2)
    ring.clings = 1
    round_and_round(ring, 1)
    assert ring.cycle.counts.stuck == 1 and ring.cycle.counts.successes == 1 and len(ring.dropped) == 1
    ring.clings = 99
    ring.until_state(CycleState.HOLDING)
    assert "clings" in ring.cycle.text
    ring.assert_still()


def test_an_object_as_wide_as_the_jaw_does_not_stay_in_it_unseen():
    ring = Ring(tries=1)
    ring.width, ring.clings = 0.086, 1
    round_and_round(ring, 1)
    assert ring.cycle.counts.stuck == 1 and ring.labels == [("attempt0", True)] and len(ring.dropped) == 1
    ring.clings = 99
    ring.until_state(CycleState.HOLDING)
    assert "clings" in ring.cycle.text and len(ring.starts) == 2


def test_a_jaw_whose_states_come_late_is_not_taken_for_one_at_rest():
    ring = Ring()
    ring.jaw_every = 25
    round_and_round(ring, 3)
    assert ring.cycle.counts.stuck == 0 and [success for _, success in ring.labels] == [True] * 3


def test_an_empty_bin_is_seen_at_once_and_objects_asked_for_once():
    ring = Ring()
    ring.attempt.grasps, ring.fill = False, Fill.EMPTY
    ring.until_state(CycleState.EMPTY)
    assert ring.cycle.counts.attempts == 1 and "the bin looks empty" in ring.cycle.text
    ring.run(20.0)
    assert ring.cycle.state == CycleState.EMPTY and ring.cycle.counts.attempts == 1
    ring.changed = True  # somebody's hand
    ring.run(3.0)
    assert ring.cycle.state == CycleState.EMPTY
    ring.changed, ring.fill, ring.attempt.grasps = False, Fill.FILLED, True
    round_and_round(ring, 3)


def test_without_a_picture_of_the_empty_bin_many_failures_ask_for_objects():
    ring = Ring(failures=3)
    ring.attempt.grasps = False
    ring.until_state(CycleState.EMPTY)
    assert ring.cycle.counts.attempts == 3 and "3 attempts in a row held nothing" in ring.cycle.text
    ring.cycle.resume()
    ring.until(lambda: ring.cycle.counts.attempts == 5, "it goes on when told")
    assert ring.cycle.state != CycleState.EMPTY


def test_many_failures_in_a_bin_that_is_not_empty_hold():
    ring = Ring(failures=3)
    ring.attempt.grasps, ring.fill = False, Fill.FILLED
    ring.until_state(CycleState.HOLDING)
    assert "3 attempts in a row held nothing, and the bin is not empty" in ring.cycle.text
    ring.assert_still()


STATES = (CycleState.STARTING, CycleState.GRASPING, CycleState.DROPPING)


@pytest.mark.parametrize("state", STATES)
def test_a_protective_stop_holds_until_somebody_says_go_on(state):
    ring = Ring()
    ring.until_state(state)
    ring.run(0.2)
    ring.camera_on = False
    ring.until_state(CycleState.HOLDING)
    assert "no new image" in ring.cycle.text
    assert ring.cancelled == (state == CycleState.GRASPING)
    ring.agent_doing = None
    ring.assert_still()
    ring.cycle.resume()
    ring.until(lambda: "does not go on: no new image" in ring.cycle.text, "it says why not")
    ring.camera_on = True
    ring.run(0.2)
    ring.cycle.resume()
    before = ring.cycle.counts.attempts
    round_and_round(ring, before + 1)


@pytest.mark.parametrize("state", STATES)
def test_a_person_pauses_it_anywhere_and_the_arm_stands(state):
    ring = Ring()
    ring.until_state(state)
    ring.run(0.2)
    ring.do(ring.cycle.pause())
    assert ring.cycle.state == CycleState.PAUSED and ring.cancelled == (state == CycleState.GRASPING)
    ring.run(0.1)
    assert ring.driver.report.allowed.terminate and ring.driver.state == DriverState.ARMED
    ring.assert_still()
    ring.cycle.resume()
    round_and_round(ring, ring.cycle.counts.attempts + 1)


def test_an_agent_that_dies_in_an_attempt_is_waited_for():
    ring = Ring()
    ring.until_state(CycleState.GRASPING)
    ring.run(0.1)
    ring.agent_doing, ring.alive["agent"] = None, False
    ring.until(lambda: "agent is silent" in ring.cycle.text, "it waits")
    ring.until(lambda: ring.driver.state == DriverState.HOLDING or not ring.driver.moving, "the arm stops")
    ring.assert_still()
    ring.alive["agent"] = True
    round_and_round(ring, 1)
    assert ring.cycle.counts.interrupted == 1


def test_an_agent_that_was_started_again_before_it_was_missed_is_asked_anew():
    ring = Ring(attempt_time=60.0)
    ring.until_state(CycleState.GRASPING)
    ring.agent_doing = None
    for _ in range(3):
        assert ring.cycle.state == CycleState.GRASPING
        ring.run(0.02)
        ring.cycle.heard("agent", idle=True)
        ring.alive["agent"] = False  # nothing else from it
    ring.tick()
    ring.alive["agent"] = True
    assert ring.cycle.counts.interrupted == 1
    round_and_round(ring, 1)


@pytest.mark.parametrize("how", ["silent", "wrong"])
def test_nothing_is_begun_without_a_logger(how):
    ring = Ring(needs=("agent", "episode_logger"))
    round_and_round(ring, 1)
    ring.alive["episode_logger"], ring.wrong["episode_logger"] = how == "wrong", "the disk is full"
    ring.until(lambda: ring.cycle.state == CycleState.WAITING, "it waits")
    assert ("is silent" if how == "silent" else "episode_logger: the disk is full") in ring.cycle.text
    attempts = len(ring.starts)
    ring.assert_still()
    ring.alive["episode_logger"], ring.wrong = True, {}
    ring.until(lambda: len(ring.starts) > attempts, "it goes on by itself")


def test_a_disarmed_arm_is_waited_for_and_never_armed():
    ring = Ring()
    ring.until_state(CycleState.STARTING)
    ring.driver.disarm()
    ring.until(lambda: "arm it" in ring.cycle.text, "it says so")
    ring.assert_still()
    assert ring.driver.state == DriverState.DISARMED
    assert ring.driver.arm(ring.now) == ()
    round_and_round(ring, 1)


def test_a_driver_that_says_nothing_is_waited_for():
    ring = Ring()
    ring.until_state(CycleState.DROPPING)
    ring.driver_alive = False
    ring.until(lambda: ring.cycle.text == "the arm driver is silent", "it waits")
    ring.assert_still()


def test_attempts_that_never_come_to_their_end_hold():
    ring = Ring(cut=3)
    ring.attempt.outcome = Outcome.NO_INPUT
    ring.until_state(CycleState.HOLDING)
    assert ring.cycle.counts.interrupted == 3 and ring.cycle.counts.attempts == 0
    assert "3 attempts in a row did not come to their end" in ring.cycle.text


def test_an_agent_that_takes_no_attempt_is_asked_again_without_moving_and_then_held_for():
    ring = Ring()
    ring.attempt.accepted = False
    ring.until(lambda: len(ring.asked_for(Service.GRASP)) == 2, "asked again")
    place = ring.position.copy()
    ring.until_state(CycleState.HOLDING)
    assert "takes no attempt: it is refused" in ring.cycle.text and np.abs(ring.position - place).max() < 1e-6


def test_without_a_success_detector_labels_stay_the_agents():
    ring = Ring(answer_time=0.5)
    ring.services |= {Service.JUDGE: False, Service.BEFORE: False, Service.AFTER: False}
    round_and_round(ring, 2)
    assert not ring.labels and ring.cycle.counts.successes == 2


def test_an_object_lost_on_the_way_is_no_success():
    ring = Ring()
    ring.until_state(CycleState.DROPPING)
    ring.held, ring.aperture = False, 0.0
    round_and_round(ring, 1)
    assert ring.cycle.counts.lost == 1 and ring.cycle.counts.successes == 0 and ring.labels == [("attempt0", False)]


def test_a_hand_is_turned_back_the_way_it_was_turned():
    ring = Ring()
    ring.until_state(CycleState.STARTING)
    hand = ring.cycle.hand
    for yaw in np.arange(0.3, 4.0, 0.1):
        hand.pose(ring.position, (yaw + np.pi) % (2 * np.pi) - np.pi)
    assert hand.yaw == pytest.approx(3.9, abs=0.2)


def test_time_in_which_it_waits_to_be_told_is_no_work():
    ring = Ring()
    ring.run(5.0)
    ring.do(ring.cycle.pause())
    worked = ring.cycle.worked
    ring.run(50.0)
    assert ring.cycle.worked == pytest.approx(worked)


@pytest.mark.parametrize(
    ("away", "named"), [((0.0, 0.0), "x, y, z"), ((0.0, 0.0, 0.05), "clear of the bin"), ((0.5, 0.0, 0.2), "workspace")]
)
def test_a_retreat_that_makes_no_sense_is_refused(away, named):
    with pytest.raises(InvalidInput, match=named):
        Places(EMBEDDED, BOX, away)


def test_a_fixed_camera_sees_the_bin_without_the_hand():
    cell = replace(EMBEDDED, camera=replace(EMBEDDED.camera, mount="fixed", position=(0.0, 0.0, 1.0)))
    assert np.abs(Places(cell, BOX).away.position[:2]).min() > 0.15
