"""What goes into a cycle and what comes out: plain values of qtopt_msgs/CycleStatus, services and settings."""

from dataclasses import dataclass
from enum import Enum, IntEnum, auto

from qtopt_agent.agent.values import Outcome
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.safety.commands import MotionCommand


class CycleState(IntEnum):
    """As in qtopt_msgs/CycleStatus."""

    WAITING = 0
    STARTING = 1
    GRASPING = 2
    DROPPING = 3
    EMPTY = 4
    HOLDING = 5
    PAUSED = 6
    DONE = 7


class Fill(IntEnum):
    """As in qtopt_msgs/LookAtBin."""

    UNKNOWN = 0
    EMPTY = 1
    FILLED = 2


class Service(Enum):
    """Whom a cycle asks."""

    GRASP = auto()  # the agent, for an attempt
    JUDGE = auto()  # the success detector: is something held now?
    BEFORE = auto()  # the success detector: the bin before the drop
    AFTER = auto()  # the success detector: the bin after it, which labels the episode
    LOOK = auto()  # the success detector: has the bin changed, is it empty?
    RESUME = auto()  # the arm driver, to go on after a fault


@dataclass(frozen=True)
class Ask:
    """episode_id: what a verdict is about; empty: the jaw as it is. seed: of an attempt. remember: the picture."""

    service: Service
    episode_id: str = ""
    seed: int = 0
    remember: bool = False


@dataclass(frozen=True)
class Answer:
    """done: it was, judged or looked at. success: an object is held, or was; of LOOK: the bin has changed."""

    done: bool
    success: bool = False
    message: str = ""
    outcome: Outcome = Outcome.UNKNOWN
    episode_id: str = ""
    steps: int = 0
    fill: Fill = Fill.UNKNOWN


@dataclass(frozen=True)
class CycleOutput:
    """What there is to do after a tick. cancel: the attempt under way."""

    command: MotionCommand | None = None
    ask: Ask | None = None
    cancel: bool = False


@dataclass
class CycleCounts:
    """Since the start; nothing, cut: in a row, attempts that held nothing, and those that did not come to their end.

    lost: held at the end of an attempt, and no more when the hand was away. stuck: in the open jaw.
    """

    attempts: int = 0
    successes: int = 0
    interrupted: int = 0
    nothing: int = 0
    cut: int = 0
    lost: int = 0
    stuck: int = 0


@dataclass(frozen=True)
class CycleSettings:
    """Times in s of steady time. count: attempts to make, 0 for no end. seed: of start poses, drops and attempts."""

    count: int = 0
    seed: int = 0
    failures: int = 20  # in a row that hold nothing, after which it asks for objects or holds; 0: never
    cut: int = 5  # in a row that do not come to their end, after which it holds
    tries: int = 3  # to get rid of what is stuck in the jaw
    settle: float = 0.5  # from the end of a motion to a picture
    look: float = 5.0  # between two looks at an empty bin
    move_time: float = 60.0  # for a move, whose motions end within `motion_time`
    motion_time: float = 10.0
    answer_time: float = 10.0  # for a service
    attempt_time: float = 300.0
    refusal_time: float = 60.0  # for an agent that takes no attempt
    status_time: float = 1.0  # longest silence of the arm driver
    silence: float = 5.0  # of another node
    repeat: float = 0.05  # between two repetitions of a command

    def __post_init__(self) -> None:
        for name, least in {"count": 0, "seed": 0, "failures": 0, "cut": 1, "tries": 0}.items():
            if getattr(self, name) < least:
                raise InvalidInput(f"{name} is {getattr(self, name)}, expected {least} or more")
