"""What goes into an agent and what comes out: the plain values of the Grasp action, GraspCommand and SafetyStatus."""

from dataclasses import dataclass, field
from enum import IntEnum

from qtopt_agent.agent.inputs import InputLimits
from qtopt_agent.core.action import Action
from qtopt_agent.core.episode import Episode, Step
from qtopt_agent.safety.commands import DriverState, MotionCommand
from qtopt_agent.safety.reasons import Reason


class Phase(IntEnum):
    """As in the feedback of qtopt_msgs/Grasp."""

    OBSERVING = 0
    DECIDING = 1
    MOVING = 2
    JUDGING = 3


class Outcome(IntEnum):
    """As in the result of qtopt_msgs/Grasp."""

    UNKNOWN = 0
    TERMINATED = 1
    STEP_LIMIT = 2
    TIMEOUT = 3
    CANCELLED = 4
    SAFETY_STOP = 5
    NO_INPUT = 6
    INFERENCE_FAILED = 7


ENDED = (Outcome.TERMINATED, Outcome.STEP_LIMIT)
"""Outcomes of attempts that came to their end; all others were cut short."""


@dataclass(frozen=True)
class AgentSettings:
    """How long the agent waits, s of steady time, before it gives an attempt up; and how a model's actions are varied.

    epsilon, noise: as ExploringPolicy has them. device: where a model decides, as `find_device` takes it.
    """

    inputs: InputLimits = field(default_factory=InputLimits)
    input_timeout: float = 2.0  # for a usable image and state
    motion_timeout: float = 10.0  # for the end of one motion
    status_timeout: float = 1.0  # for a word from the arm driver
    judge_timeout: float = 10.0  # for the success detector
    least_aperture: float = 0.0  # m between the fingers when an attempt begins; 0: any
    person_age: float = 0.3  # since a person's hand was heard last, after which it is no hand
    repeat: float = 0.05  # between two repetitions of a command while its motion lasts
    epsilon: float = 0.0
    noise: float = 0.0
    device: str = "cpu"


@dataclass(frozen=True)
class Goal:
    """max_steps: 0 for the profile's. timeout: s for the whole attempt, 0 for none. seed: of the policy."""

    max_steps: int = 0
    timeout: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class DriverStatus:
    """What the agent reads of qtopt_msgs/SafetyStatus: the last command asked for, and what was made of it."""

    state: DriverState
    moving: bool
    writer: str
    sequence: int
    allowed: Action
    text: str = ""
    faults: tuple[Reason, ...] = ()


@dataclass(frozen=True)
class AgentCommand:
    """A command to publish, with what qtopt_msgs/GraspCommand tells about where it comes from."""

    motion: MotionCommand
    q: float
    model_version: str
    inference_stamp: float


@dataclass(frozen=True)
class StepRecord:
    """A step that is complete, for the log."""

    index: int
    step: Step
    model_version: str


@dataclass(frozen=True)
class GraspResult:
    """How an attempt ended. episode: None where nothing was ever observed."""

    outcome: Outcome
    success: bool
    judged: bool
    episode_id: str
    episode: Episode | None
    message: str


@dataclass(frozen=True)
class AgentOutput:
    """What there is to publish after a tick."""

    command: AgentCommand | None = None
    step: StepRecord | None = None
    finished: GraspResult | None = None
