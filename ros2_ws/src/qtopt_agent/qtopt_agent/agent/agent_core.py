"""One grasp attempt after another, driven by messages and a clock: what the agent node is a thin shell around."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qtopt_agent.agent.inputs import AgentInputs, NotReady
from qtopt_agent.agent.values import (
    AgentCommand,
    AgentOutput,
    AgentSettings,
    DriverStatus,
    Goal,
    GraspResult,
    Outcome,
    Phase,
    StepRecord,
)
from qtopt_agent.core.action import Action
from qtopt_agent.core.episode import Episode, Step
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.observation import Observation
from qtopt_agent.core.policy import Decision, Policy
from qtopt_agent.core.profile import Profile
from qtopt_agent.episodes.writer import new_episode_id
from qtopt_agent.models.folder import describe, load
from qtopt_agent.models.manifest import Manifest
from qtopt_agent.models.signatures import TrustedKeys
from qtopt_agent.policies.exploring import ExploringPolicy
from qtopt_agent.processes.device import find_device
from qtopt_agent.safety.commands import NOTHING, STOP, DriverState, MotionCommand


@dataclass
class _Pending:
    """A decision whose motion is under way."""

    command: AgentCommand
    observation: Observation
    action: Action
    executed: Action = NOTHING
    done: float = 0.0
    log_density: float = float("nan")
    by_person: bool = False


@dataclass(frozen=True)
class Decider:
    """policy: decides. name: what an episode's record calls it. version: of its model; empty where it has none."""

    policy: Policy
    name: str
    version: str


class AgentCore:
    """Feed it through `inputs`, `status` and `judged`; call `tick` often and publish what it returns.

    `cancel`, `judged`, `status`, `person`, `load_model` and `inputs` may be used from other threads; `tick` and `begin`
    belong to one. writer: names this run of this agent. clock: the time that stamps messages, steady: one that never
    jumps, s.
    """

    def __init__(
        self,
        profile: Profile,
        settings: AgentSettings,
        writer: str,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self.inputs = AgentInputs(profile, settings.inputs)
        self.phase = Phase.OBSERVING
        self.q = float("nan")
        self.profile, self._settings, self._writer = profile, settings, writer
        self._clock, self._steady = clock, steady
        self._decider: Decider | None = None
        self._hand: tuple[Action, float] | None = None  # what a person wants, and when they said so
        self._goal: Goal | None = None
        self._cancelled = threading.Event()
        self._verdict: bool | None = None
        self._status: DriverStatus | None = None
        self._status_heard = -np.inf
        self._sequence = 0
        self._pending: _Pending | None = None
        self._sent = -np.inf
        self._episode_id = ""
        self._steps: list[Step] = []
        self._last: Observation | None = None
        self._final: Observation | None = None

    @property
    def model_version(self) -> str:
        """The model that decides next; empty where none does."""
        return self._decider.version if self._decider else ""

    @property
    def policy_name(self) -> str:
        """What decides next: `greedy` or `exploring` for a model, else the policy's name; empty before the first."""
        return self._decider.name if self._decider else ""

    @property
    def busy(self) -> bool:
        """Whether an attempt is under way."""
        return self._goal is not None

    @property
    def held(self) -> bool:
        """Whether a person has the arm."""
        hand = self._hand
        return hand is not None and self._heard(hand[1], self._clock())

    @property
    def jaw_known(self) -> bool:
        """Whether it is known how far the jaw is open, if an attempt begins by that."""
        return not self._settings.least_aperture or self.inputs.aperture(self._clock()) is not None

    @property
    def steps(self) -> int:
        """Steps of this attempt, or the last one, that are complete."""
        return len(self._steps)

    @property
    def observed(self) -> Observation | None:
        """What the last decision of this attempt was made from; None before the first."""
        return self._last

    def load_model(self, folder: Path, trusted: TrustedKeys | None = None) -> Manifest:
        """Decide with the model in `folder` from the next decision on; with `trusted`, one of these keys has signed it.

        Builds it in the calling thread: raises IncompatibleModel or InvalidInput and keeps the old one.
        """
        self.decide_with(self.prepared(folder, trusted))
        return describe(folder)

    def prepared(self, folder: Path, trusted: TrustedKeys | None = None) -> Decider:
        """What decides with the model in `folder`, for `decide_with`; built, checked and raising as by `load_model`."""
        policy = load(folder, self.profile, trusted, find_device(self._settings.device))
        epsilon, noise = self._settings.epsilon, self._settings.noise
        if epsilon or noise:
            return Decider(ExploringPolicy(policy, self.profile, epsilon, noise), "exploring", policy.name)
        return Decider(policy, "greedy", policy.name)

    def decide_with(self, decider: Decider) -> None:
        """From the next decision on."""
        self._decider = decider  # one assignment: a decision under way keeps the policy that it began with

    def use(self, policy: Policy, name: str = "greedy", version: str | None = None) -> None:
        """Decide with `policy` from the next decision on.

        name: of the policy, for the record. version: of its model, by default the policy's name; empty: it has none.
        """
        self.decide_with(Decider(policy, name, policy.name if version is None else version))

    def person(self, action: Action | None, stamp: float) -> None:
        """A person's hand: the motion that it wants next, in place of the policy's; None: it hands back.

        One that wants no motion holds the attempt where it is. stamp: when it was so, s of the stamping clock; a hand
        that was not heard for `person_age` ends the attempt with a stop.
        """
        self._hand = None if action is None else (action, stamp)

    def status(self, status: DriverStatus) -> None:
        """The arm driver has spoken."""
        self._status, self._status_heard = status, self._steady()

    def judged(self, success: bool) -> None:
        """The success detector has judged the attempt that waits for it."""
        self._verdict = success

    def cancel(self) -> None:
        """End the attempt. A decision under way is dropped, a motion is stopped by a command to stop."""
        self._cancelled.set()

    def begin(self, goal: Goal) -> str:
        """Begin an attempt and return its id.

        Raises InvalidInput if one is under way, there is nothing to decide, a person moves the arm, or the jaw is not
        known to be open.
        """
        if self.busy:
            raise InvalidInput(f"attempt {self._episode_id} is under way; the arm makes one at a time")
        if self._decider is None:
            raise InvalidInput("no model is loaded")
        if self.held:
            raise InvalidInput("a person moves the arm: an attempt begins when they have let go")
        if goal.max_steps < 0 or not 0 <= goal.timeout < np.inf:
            raise InvalidInput(f"max_steps {goal.max_steps}, timeout {goal.timeout} s: expected 0 or more")
        self._check_jaw()
        self._goal = goal
        self._limit = min(goal.max_steps or self.profile.max_steps, self.profile.max_steps)
        self._seed, self._rng = goal.seed, np.random.default_rng(goal.seed % 2**64)
        self._episode_id = new_episode_id()
        self._steps = []
        self._last = self._final = None
        self._pending, self._verdict, self._armed = None, None, False
        self._hand = None
        self._began, self._not_before = self._steady(), self._clock()
        self.q = float("nan")
        self._cancelled.clear()
        self.inputs.begin()
        self._enter(Phase.OBSERVING, self._began)
        return self._episode_id

    def _check_jaw(self) -> None:
        least = self._settings.least_aperture
        if not least:
            return
        aperture = self.inputs.aperture(self._clock())
        if aperture is None:
            raise InvalidInput("the jaw's aperture is unknown: no gripper state has come of late")
        if not aperture >= least:  # NaN is not
            raise InvalidInput(
                f"the jaw is {aperture:.3f} m open, expected {least:.3f} m or more (least_aperture): an attempt begins "
                "with an open jaw"
            )

    def tick(self) -> AgentOutput:
        """Go on with the attempt as far as the inputs allow; never blocks longer than one decision."""
        clock, now = self._clock(), self._steady()
        goal, decider, pending, hand = self._goal, self._decider, self._pending, self._hand
        if goal is None or decider is None:
            return AgentOutput()
        if self._cancelled.is_set():
            return self._end(Outcome.CANCELLED, "cancelled", clock)
        if 0 < goal.timeout <= now - self._began:
            return self._end(Outcome.TIMEOUT, f"not done within {goal.timeout} s", clock)
        if now - max(self._status_heard, self._began) > self._settings.status_timeout:
            return self._end(Outcome.SAFETY_STOP, "the arm driver is silent", clock)
        if hand is not None and not self._heard(hand[1], clock):
            self._hand = None
            age = self._settings.person_age
            return self._end(Outcome.CANCELLED, f"a person's hand was not heard for {age} s", clock)
        status = self._status
        if status is None:
            return AgentOutput()
        if status.state == DriverState.ARMED:
            self._armed = True
        elif not self._armed and now - self._began <= self._settings.status_timeout:
            return AgentOutput()  # it may just have been armed: this status may be older than the goal
        else:
            return self._end(Outcome.SAFETY_STOP, f"the arm driver is {status.state.name}: {status.text}", clock)
        if pending is None:
            return self._decide(decider, hand[0] if hand else None, clock, now)
        if self.phase == Phase.JUDGING:
            return self._judge(pending, clock, now)
        return self._move(pending, status, clock, now)

    def _enter(self, phase: Phase, now: float) -> None:
        self.phase, self._since = phase, now

    def _heard(self, stamp: float, clock: float) -> bool:
        return abs(clock - stamp) <= self._settings.person_age

    def _decide(self, decider: Decider, hand: Action | None, clock: float, now: float) -> AgentOutput:
        if hand is not None and hand.still:
            self._enter(Phase.OBSERVING, now)  # for as long as it likes
            return AgentOutput()
        try:
            observation = self._observe(clock, len(self._steps))
        except NotReady as reason:
            if now - self._since > self._settings.input_timeout:
                return self._end(Outcome.NO_INPUT, str(reason), clock)
            return AgentOutput()
        self._last = observation
        self.phase = Phase.DECIDING
        try:
            decision = decider.policy.decide(observation, self._rng)  # also beside a person: it may keep count
            version = decider.version
            if hand is not None:
                decision, version = Decision(hand.to_vector()), ""
            action = Action.from_vector(self.profile.action_space.project(decision.action))
        except InvalidInput as error:
            return self._end(Outcome.INFERENCE_FAILED, str(error), clock)
        if self._cancelled.is_set():
            return self._end(Outcome.CANCELLED, "cancelled while deciding", clock)
        self._sequence += 1
        motion = MotionCommand(action, self._writer, self._sequence, observation.stamp)
        command = AgentCommand(motion, decision.q, version, self._clock())
        self._pending = _Pending(
            command, observation, action, log_density=decision.log_density, by_person=hand is not None
        )
        self.q = decision.q
        self._sent = self._steady()
        self._enter(Phase.MOVING, self._sent)
        return AgentOutput(command)

    def _observe(self, clock: float, motions: int) -> Observation:
        """The observation now, after so many motions of this attempt."""
        return self.inputs.observe(clock, self._not_before, motions / self.profile.max_steps)

    def _move(self, pending: _Pending, status: DriverStatus, clock: float, now: float) -> AgentOutput:
        answered = (status.writer, status.sequence) == (self._writer, pending.command.motion.sequence)
        if not answered or status.moving:
            if now - self._since > self._settings.motion_timeout:
                return self._end(Outcome.SAFETY_STOP, "the motion did not end in time", clock)
            if now - self._sent < self._settings.repeat:
                return AgentOutput()
            self._sent = now
            return AgentOutput(pending.command)
        pending.executed, pending.done = status.allowed, clock
        self._not_before = clock
        if pending.action.terminate or len(self._steps) + 1 >= self._limit:
            self._enter(Phase.JUDGING, now)
            return AgentOutput() if pending.action.terminate else AgentOutput(self._stop(clock))
        self._enter(Phase.OBSERVING, now)
        return AgentOutput(step=self._complete(pending, terminal=False, success=False))

    def _judge(self, pending: _Pending, clock: float, now: float) -> AgentOutput:
        waited = now - self._since
        if self._final is None:
            try:
                self._final = self._observe(clock, len(self._steps) + 1)
            except NotReady as reason:
                if waited > self._settings.input_timeout:
                    return self._end(Outcome.NO_INPUT, f"after the last motion: {reason}", clock)
                return AgentOutput()
        if self._verdict is None and waited <= self._settings.judge_timeout:
            return AgentOutput()
        judged, success = self._verdict is not None, bool(self._verdict)
        record = self._complete(pending, terminal=True, success=success)
        outcome = Outcome.TERMINATED if pending.action.terminate else Outcome.STEP_LIMIT
        message = ("an object is held" if success else "nothing is held") if judged else "no success detector answered"
        return AgentOutput(step=record, finished=self._close(outcome, success, judged, message))

    def _complete(self, pending: _Pending, terminal: bool, success: bool) -> StepRecord:
        command = pending.command
        step = Step(
            pending.observation,
            pending.action.to_vector(),
            pending.executed.to_vector(),
            self.profile.reward(terminal, success),
            terminal,
            command.q,
            command.inference_stamp,
            pending.done,
            pending.log_density,
            pending.by_person,
        )
        self._steps.append(step)
        self._pending = None
        return StepRecord(len(self._steps) - 1, step, command.model_version)

    def _end(self, outcome: Outcome, message: str, clock: float) -> AgentOutput:
        """Give up: tell the arm to stop; a step that was not carried out whole is not recorded."""
        return AgentOutput(self._stop(clock), finished=self._close(outcome, False, False, message))

    def _stop(self, clock: float) -> AgentCommand:
        """The last command of an attempt, after which others may move the arm."""
        self._sequence += 1
        motion = MotionCommand(STOP, self._writer, self._sequence, clock)
        return AgentCommand(motion, float("nan"), self.model_version, clock)

    def _close(self, outcome: Outcome, success: bool, judged: bool, message: str) -> GraspResult:
        final, self._goal = self._final or self._last, None
        episode = None
        if final is not None:
            truncated = not (self._steps and self._steps[-1].terminal)
            episode = Episode(
                self._episode_id,
                tuple(self._steps),
                final,
                success,
                truncated,
                self.profile.name,
                self.model_version,
                self.policy_name,
                self._seed,
            )
        return GraspResult(outcome, success, judged, self._episode_id, episode, message)
