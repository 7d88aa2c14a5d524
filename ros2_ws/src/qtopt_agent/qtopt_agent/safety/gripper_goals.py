"""What becomes of the goals that a gripper's action server is sent: when to ask again, and what there is to say."""

from collections.abc import Callable
from enum import Enum, auto

from qtopt_agent.core.action import GripperCommand

ANSWER_TIME = 2.0  # s in which a server takes a goal or refuses it
RESULT_TIME = 10.0  # s in which a jaw has opened or closed
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 4.0  # s before a goal is sent again; twice as long each time


class _Stage(Enum):
    DUE = auto()  # to be sent, now or after a pause
    SENT = auto()
    ACCEPTED = auto()
    DONE = auto()


class GripperGoals:
    """One goal at a time for the action `name`. trouble: what is wrong with the last one, for people; "" for nothing.

    All times in s of one steady clock. An answer to a goal that a newer one has replaced counts for nothing.
    """

    def __init__(self, name: str) -> None:
        self.trouble = ""
        self._server = f"the gripper's action server {name}"
        self._wanted = GripperCommand.KEEP
        self._number = 0  # of the newest goal
        self._stage = _Stage.DONE
        self._since = self._pause = 0.0

    def absent(self, is_there: bool) -> str:
        """What to say of a server that is not there; "" of one that is."""
        return "" if is_there else f"{self._server} is not there"

    def forget(self) -> None:
        """The jaw may have been moved by someone else: ask for the next command even if it is the last one again."""
        self._wanted, self._stage, self.trouble = GripperCommand.KEEP, _Stage.DONE, ""
        self._number += 1

    def want(self, command: GripperCommand, is_there: Callable[[], bool], now: float) -> int | None:
        """The number of a goal to send now, if one is due. To be called over and over while `command` holds.

        KEEP asks for nothing.
        """
        if command == GripperCommand.KEEP:
            return None
        if command != self._wanted:
            self._wanted, self._stage, self._since, self._pause = command, _Stage.DUE, now, 0.0
        elif self._stage == _Stage.SENT and now - self._since > ANSWER_TIME:
            self._failed(f"does not answer within {ANSWER_TIME:.0f} s", now)
        elif self._stage == _Stage.ACCEPTED and now - self._since > RESULT_TIME:
            self._failed(f"has brought no result within {RESULT_TIME:.0f} s", now)
        if self._stage != _Stage.DUE or now - self._since < self._pause:
            return None
        if self.absent(is_there()):
            self.trouble = self.absent(False)
            return None
        self._number += 1
        self._stage, self._since = _Stage.SENT, now
        return self._number

    def answered(self, number: int, accepted: bool, now: float) -> None:
        """The server has taken goal `number`, or has refused it."""
        if number != self._number:
            return
        if accepted:
            self._stage, self._since = _Stage.ACCEPTED, now
        else:
            self._failed(f"refuses to {self._wanted.name.lower()}", now)

    def ended(self, number: int, succeeded: bool, stalled: bool, reached: bool, now: float) -> None:
        """Goal `number` has ended. A jaw that stalls while it closes holds an object: some abort the goal then."""
        if number != self._number:
            return
        holds = stalled and self._wanted == GripperCommand.CLOSE
        if holds or (succeeded and (reached or not stalled)):
            self._stage, self.trouble, self._pause = _Stage.DONE, "", 0.0
        else:
            why = "the jaw has stalled" if stalled else "the goal was aborted"
            self._failed(f"does not {self._wanted.name.lower()}: {why}", now)

    def _failed(self, what: str, now: float) -> None:
        self.trouble = f"{self._server} {what}"
        self._stage, self._since = _Stage.DUE, now
        self._pause = min(max(2 * self._pause, FIRST_PAUSE), LONGEST_PAUSE)
