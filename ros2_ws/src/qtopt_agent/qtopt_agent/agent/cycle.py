"""Grasp, drop, label and again, on an arm that nobody resets: driven by messages and a clock, as AgentCore is."""

import time
from collections.abc import Callable, Generator

import numpy as np

from qtopt_agent.agent.cycle_values import (
    Answer,
    Ask,
    CycleCounts,
    CycleOutput,
    CycleSettings,
    CycleState,
    Fill,
    Service,
)
from qtopt_agent.agent.hand import Doing, Hand, Stuck
from qtopt_agent.agent.places import Place, Places
from qtopt_agent.agent.values import ENDED
from qtopt_agent.core.action import Action, GripperCommand
from qtopt_agent.core.errors import QtoptError
from qtopt_agent.core.seeds import derived_seed
from qtopt_agent.safety.commands import DriverState
from qtopt_agent.safety.driver_settings import DriverSettings
from qtopt_agent.safety.reasons import Reason

SHAKE = 0.4, 0.04  # rad to and fro, and m up and down, with something stuck in the jaw
DROP_ABOVE = 0.01  # m: what was taken up is put down from so much higher
AGAIN = 1.0  # s before an agent or a driver that has refused is asked again
IDLE = 3  # diagnostics of an idle agent, after which its attempt is given up: the last result may be on its way
SOON = 0.2  # s before the success detector is
TOLD = (CycleState.EMPTY, CycleState.HOLDING, CycleState.PAUSED)  # these end when somebody says so


class _Waits(QtoptError):
    """What keeps the cycle from going on, for now: it goes on by itself."""


class _Holds(QtoptError):
    """What has to be put right: the cycle goes on when told."""


class Cycle:
    """Feed it through `hand`, `heard`, `answered`, `pause` and `resume`; call `tick` often and do what it returns.

    One ask is under way at a time, and is given up where a tick cancels or asks anew. needs: names of the nodes without
    which nothing is begun. open_aperture: m. writer, clock, steady: as AgentCore's. Whatever it interrupts a motion
    for, its last command is to stop, and it begins anew from wherever the arm then is.
    """

    def __init__(
        self,
        places: Places,
        limits: DriverSettings,
        open_aperture: float,
        needs: tuple[str, ...],
        settings: CycleSettings,
        writer: str,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self.state, self.text = CycleState.WAITING, "starting"
        self.counts = CycleCounts()
        self.last = Answer(False)
        """Of the agent, on the last attempt that was made."""
        self.hand = Hand(writer, limits, settings, clock, steady)
        self._places, self._settings, self._steady = places, settings, steady
        self._least_open = 0.9 * open_aperture
        self._rng = np.random.default_rng(settings.seed)
        self._needs = dict.fromkeys(needs, -np.inf)  # when each was heard last
        self._wrong = dict.fromkeys(needs, "")  # what each says is wrong with it
        self._doing: Doing | None = None
        self._asked: Ask | None = None
        self._answer: Answer | None = None
        self._told = self._resuming = False
        self._idle = 0  # words in a row of an agent that does not make its attempt
        self._began = self._since = steady()
        self._worked = 0.0

    @property
    def worked(self) -> float:
        """Time since the start in which it did not wait to be told to go on, s."""
        return self._worked + (0.0 if self.state in TOLD else self._steady() - self._since)

    def heard(self, name: str, wrong: str = "", idle: bool = False) -> None:
        """The node `name` has spoken; `wrong` says what keeps it from its work, if anything does.

        idle: it has taken an attempt and does not make it: it was killed and started again, and knows nothing of it.
        """
        if name == "agent":
            self._idle = self._idle + 1 if idle else 0
        if name in self._needs:
            self._needs[name], self._wrong[name] = self._steady(), wrong

    def answered(self, ask: Ask, answer: Answer) -> None:
        """To what a tick asked last; an answer to anything else comes too late and is let fall."""
        if ask is self._asked:
            self._answer = answer

    def pause(self) -> CycleOutput:
        """Stop until told to go on."""
        return self._interrupt(CycleState.PAUSED, "paused by a person")

    def resume(self) -> None:
        """Go on, also after a fault of the arm driver."""
        self._told = True

    def stop(self) -> CycleOutput:
        """Stop for good."""
        return self._interrupt(CycleState.DONE, "ended")

    def tick(self) -> CycleOutput:
        """Go on as far as messages and answers allow; never waits."""
        if self.state == CycleState.DONE:
            return CycleOutput()
        try:
            if self._told:
                self._go_on()
            if self.state in (CycleState.HOLDING, CycleState.PAUSED):
                return CycleOutput()
            self._check_driver()
            if self._doing is None:
                self._doing = self._round()
            return next(self._doing)
        except StopIteration:
            self._doing = None
            return CycleOutput()
        except _Waits as reason:
            return self._interrupt(CycleState.WAITING, str(reason))
        except (_Holds, Stuck) as reason:
            return self._interrupt(CycleState.HOLDING, str(reason))

    def _go_on(self) -> None:
        self._told = False
        driver = self.hand.driver
        if self.state == CycleState.EMPTY:
            self._doing = None
            self.counts.nothing = 0
        elif self.state in TOLD:
            self._enter(CycleState.WAITING, "told to go on")
            self.counts.nothing = self.counts.cut = 0
            if driver is not None and driver.state == DriverState.HOLDING:
                self._resume_driver()

    def _enter(self, state: CycleState, text: str = "") -> None:
        now = self._steady()
        self._worked += 0.0 if self.state in TOLD else now - self._since
        self._since = now
        self.state, self.text = state, text

    def _interrupt(self, state: CycleState, text: str) -> CycleOutput:
        """Drop what is being done, and stop: an attempt is the agent's to stop, all else is ours."""
        grasping = self._asked is not None and self._asked.service == Service.GRASP
        if grasping:
            self.counts.interrupted += 1
        mine = self._doing is not None and self.hand.owned
        self._doing = self._asked = self._answer = None
        self._resuming = self.hand.owned = False
        if (state, text) != (self.state, self.text):
            self._enter(state, text)
        return CycleOutput(self.hand.stop_now() if mine else None, cancel=grasping)

    def _check_driver(self) -> None:
        driver = self.hand.driver
        if driver is None or self.hand.silent() > self._settings.status_time:
            raise _Waits("the arm driver is silent")
        if driver.state == DriverState.DISARMED:
            raise _Waits("the arm driver is disarmed: arm it")
        if driver.state == DriverState.STOPPING:
            raise _Waits(f"the arm driver stops the arm: {driver.text}")
        if driver.state == DriverState.ARMED or self._resuming:
            return
        if driver.faults != (Reason.COMMAND_STALE,):
            raise _Holds(f"the arm driver holds the arm: {driver.text}")
        if missing := self._missing():  # who commanded the arm was killed: the rest is as it should be
            raise _Waits(missing)
        self._resume_driver()

    def _missing(self) -> str:
        """What is missing of that without which nothing is begun; empty where nothing is."""
        for name, at in self._needs.items():
            if self._steady() - at > self._settings.silence:
                return f"node {name} is silent"
            if self._wrong[name]:
                return f"{name}: {self._wrong[name]}"
        return ""

    def _resume_driver(self) -> None:
        self._resuming, self._doing = True, self._driver_resumed()

    def _driver_resumed(self) -> Doing:
        self._enter(CycleState.WAITING, "the arm driver is asked to go on")
        end = self._steady() + self._settings.answer_time
        while not (answer := (yield from self._ask(Service.RESUME))).done:
            if self._steady() > end:
                raise _Holds(f"the arm driver does not go on: {answer.message}")
            yield from self.hand.wait(AGAIN)
        yield from self.hand.wait(0.2)  # its status may be of before
        self._resuming = False

    def _round(self) -> Doing:
        while missing := self._missing():
            if missing != self.text:
                self._enter(CycleState.WAITING, missing)
            yield CycleOutput()
        self._enter(CycleState.STARTING)
        yield from self.hand.take_over()
        yield from self._empty_jaw()
        count = self._settings.count
        if count and self.counts.attempts >= count:
            yield from self._travel(self._places.away)
            yield from self.hand.stop()
            self._enter(CycleState.DONE, f"{count} attempts have been made")
            return
        yield from self._travel(self._places.start(self._rng))
        yield from self.hand.stop()
        answer = yield from self._grasp()
        if answer.outcome in ENDED:
            yield from self.hand.take_over()
            self._enter(CycleState.DROPPING)
            yield from self._count(answer)

    def _grasp(self) -> Generator[CycleOutput, None, Answer]:
        """An attempt. One that the agent ends early counts as interrupted, and too many such in a row hold."""
        counts = self.counts
        seed = derived_seed(self._settings.seed, counts.attempts + counts.interrupted)
        end = self._steady() + self._settings.refusal_time
        self._enter(CycleState.GRASPING)
        while not (answer := (yield from self._ask(Service.GRASP, seed=seed % 2**31))).done:
            if self._steady() > end:
                raise _Holds(f"the agent takes no attempt: {answer.message}")
            self.text = answer.message
            yield from self.hand.wait(AGAIN)
        self.last = answer
        if answer.outcome in ENDED:
            counts.cut = 0
            return answer
        counts.interrupted += 1
        counts.cut += 1
        if counts.cut >= self._settings.cut:
            raise _Holds(f"{counts.cut} attempts in a row did not come to their end: {answer.message}")
        return answer

    def _count(self, answer: Answer) -> Doing:
        """The outcome of an attempt, by the last word on it, and what follows from too many failures."""
        success = yield from self._judge_and_drop(answer)
        counts, settings = self.counts, self._settings
        counts.attempts += 1
        counts.successes += success
        counts.nothing = 0 if success else counts.nothing + 1
        if success or (settings.count and counts.attempts >= settings.count):
            return
        yield from self._look_into_bin(many=bool(settings.failures) and counts.nothing >= settings.failures)

    def _judge_and_drop(self, answer: Answer) -> Generator[CycleOutput, None, bool]:
        """Whether the attempt succeeded: by the jaw now that the hand is away, and by the bin before and after."""
        hand, episode_id = self.hand, answer.episode_id
        yield from self._travel(self._places.away, exactly=True)
        if not hand.closed:
            return answer.success
        yield from hand.wait(self._settings.settle)
        held = yield from self._insist(Service.JUDGE, episode_id)
        success = held.success if held.done else answer.success
        self.counts.lost += answer.success and not success
        before = yield from self._insist(Service.BEFORE)
        if success:
            yield from self._drop()
            yield from self._travel(self._places.away, exactly=True)
        else:
            yield from self._open()
        yield from self._close_on_nothing()  # the picture of before has a jaw that is closed
        yield from hand.wait(self._settings.settle)
        if before.done:
            after = yield from self._insist(Service.AFTER, episode_id)
            success = after.success if after.done else success
        return success

    def _close_on_nothing(self) -> Doing:
        """Close the jaw, and shake off what clings to it. Raises Stuck where something stays."""
        for left in range(self._settings.tries, -1, -1):
            yield from self.hand.jaw(GripperCommand.CLOSE)
            wide = self.hand.aperture >= self._least_open  # as the jaw itself: to the detector, it has not closed
            if not wide and not (yield from self._insist(Service.JUDGE)).success:
                return
            self.counts.stuck += 1
            if left:
                yield from self._drop()
                yield from self._shake()
                yield from self._travel(self._places.away, exactly=True)
        raise Stuck("something clings to the open jaw: take it out")

    def _empty_jaw(self) -> Doing:
        """Up, out of whatever is around the hand; and what the jaw may hold is put down in the bin."""
        if self.hand.closed or not self.hand.aperture >= self._least_open:
            yield from self._drop()
        yield from self._up()

    def _drop(self) -> Doing:
        place = self._places.drop(self._rng, self.hand.yaw)
        yield from self._travel(place)
        height = np.clip(self.hand.closed_at + DROP_ABOVE, self._places.floor + DROP_ABOVE, self._places.clear)
        x, y, _ = place.position
        if np.isfinite(height):
            yield from self.hand.go(Place(np.array([x, y, height]), place.yaw), touching=True)
        yield from self._open()
        yield from self._up()

    def _open(self) -> Doing:
        hand = self.hand
        for left in range(self._settings.tries, -1, -1):
            yield from hand.jaw(GripperCommand.OPEN)
            if hand.aperture >= self._least_open:
                return
            self.counts.stuck += 1
            if left:
                yield from hand.jaw(GripperCommand.CLOSE)  # a jaw that has been told to open is not told again
                yield from self._shake()
        raise Stuck(
            f"the jaw opens to {hand.aperture:.3f} m only, expected {self._least_open:.3f}: is something stuck?"
        )

    def _shake(self) -> Doing:
        turn, lift = SHAKE
        for way in (1.0, -1.0):
            yield from self.hand.motion(Action(np.zeros(3, np.float32), way * turn))
        for way in (1.0, -1.0):
            yield from self.hand.motion(Action(np.array([0.0, 0.0, way * lift], np.float32), 0.0))

    def _up(self) -> Doing:
        position = self.hand.position
        if position is not None and position[2] < self._places.clear:
            x, y, _ = position
            yield from self.hand.go(Place(np.array([x, y, self._places.clear]), self.hand.yaw))

    def _travel(self, place: Place, exactly: bool = False) -> Doing:
        """Up and across; places between which the hand travels are all clear of bin and objects."""
        yield from self._up()
        yield from self.hand.go(place, exactly)

    def _look_into_bin(self, many: bool) -> Doing:
        """After an attempt that held nothing, and maybe many: is there nothing to hold?"""
        if self.hand.closed:
            yield from self._open()
        yield from self.hand.wait(self._settings.settle)
        seen = yield from self._ask(Service.LOOK)
        failures = f"{self.counts.nothing} attempts in a row held nothing"
        if seen.fill == Fill.EMPTY:
            yield from self._ask_for_objects("the bin looks empty")
        elif many and seen.fill == Fill.FILLED:
            raise _Holds(f"{failures}, and the bin is not empty")
        elif many:
            yield from self._ask_for_objects(f"{failures}: is it empty?")

    def _ask_for_objects(self, why: str) -> Doing:
        """Once; and go on when told, or when the bin has changed and nobody's hand is in it any more."""
        yield from self.hand.stop()
        self._enter(CycleState.EMPTY, f"{why}: put objects in, or say go on")
        changed = False
        yield from self._ask(Service.LOOK, remember=True)
        while True:
            yield from self.hand.wait(self._settings.look)
            seen = yield from self._ask(Service.LOOK, remember=True)
            if seen.done and changed and not seen.success:
                break
            changed = changed or seen.success
        self.counts.nothing = 0

    def _insist(self, service: Service, episode_id: str = "") -> Generator[CycleOutput, None, Answer]:
        """Ask until it is done: a picture or the jaw's state may come late on a busy machine."""
        end = self._steady() + self._settings.answer_time
        while not (answer := (yield from self._ask(service, episode_id))).done and self._steady() < end:
            yield from self.hand.wait(SOON)
        return answer

    def _ask(
        self, service: Service, episode_id: str = "", seed: int = 0, remember: bool = False
    ) -> Generator[CycleOutput, None, Answer]:
        """What is answered; where nobody answers in time, that it was not done."""
        grasp, settings = service == Service.GRASP, self._settings
        ask = self._asked = Ask(service, episode_id, seed, remember)
        self._answer = None
        self._idle = 0
        end = self._steady() + (settings.attempt_time if grasp else settings.answer_time)
        yield CycleOutput(ask=ask)
        while self._answer is None:
            if grasp and self._steady() - self._needs.get("agent", np.inf) > settings.silence:
                raise _Waits("node agent is silent")
            if grasp and self._idle >= IDLE:
                raise _Waits("the agent knows nothing of its attempt: it was started again")
            if self._steady() > end:
                if grasp:
                    raise _Waits(f"the attempt has not ended within {settings.attempt_time:.0f} s")
                self._answer = Answer(False, message=f"{service.name.lower()}: no answer")
                break
            yield CycleOutput()
        answer, self._asked, self._answer = self._answer, None, None
        return answer
