"""Two models of a store take turns in a running agent: whose turn it is changes between attempts, never in one.

Only their end may come in the middle of one: the incumbent then makes the next decision, as after any promotion.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from qtopt_agent.agent.agent_core import AgentCore, Decider
from qtopt_agent.agent.values import ENDED, GraspResult
from qtopt_agent.core.errors import IncompatibleModel, QtoptError, StorageError
from qtopt_agent.core.printable import printable
from qtopt_agent.models.alternation import Verdict
from qtopt_agent.models.promotion import conclude
from qtopt_agent.models.trial import TrialAbandoned
from qtopt_agent.models.turns import Turns, end_turns, note, read_turns

SILENCE = 5.0  # s without a word of the cycle, after which attempts are not its


class TurnTaking:
    """Follows what the store says about turns; see models/turns.py.

    Call `begins` and `ended` from the thread that makes attempts, `look` and `counted` from another one, which may be
    busy for seconds. What counts is an attempt that came to its end, that was judged and that no person had a hand in,
    by the cycle's last word on it; after any other, its turn comes again. Attempts that no cycle asks for are the
    incumbent's. prepare: as ModelChanges.prepared.
    """

    def __init__(
        self,
        core: AgentCore,
        store: Path,
        prepare: Callable[[Path, bool], Decider],
        say: Callable[[str], object] = lambda text: None,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._core, self._store, self._prepare, self._say, self._steady = core, store, prepare, say, steady
        self._lock = threading.Lock()
        self._turns: Turns | None = None
        self._deciders: dict[str, Decider] = {}
        self._begun: Turns | None = None  # as they were when the attempt under way began
        self._made: tuple[Turns, str] | None = None  # the same, and an attempt that waits for the cycle's word
        self._counts: tuple[int, int] | None = None  # of the cycle: attempts, successes
        self._heard = -SILENCE

    @property
    def turns(self) -> Turns | None:
        """Those that are taken."""
        return self._turns

    def look(self) -> bool:
        """Follow the store. Returns whether turns are taken: then nothing else may change what decides.

        Raises IncompatibleModel where one of the two is refused, which ends their turns, and QtoptError on a file that
        cannot be read or written.
        """
        try:
            turns = read_turns(self._store)
            if turns is not None and turns == self._turns:
                return True
            if turns is None or turns.verdict != Verdict.GO_ON:
                self._give_back()
                if turns is not None:
                    with _written(self._store):
                        conclude(self._store, turns)
                return False
            pair = turns.incumbent, turns.candidate
            if set(pair) != set(self._deciders):
                self._give_back()
            deciders = self._deciders or {
                each: self._prepare(self._store / each, each == turns.incumbent) for each in pair
            }
        except TrialAbandoned:
            return True
        except IncompatibleModel as error:
            self._give_back()
            with _written(self._store):
                end_turns(self._store, "agent", f"refused: {printable(str(error))}")
            raise
        except QtoptError:
            self._give_back()
            raise
        with self._lock:
            self._turns, self._deciders = turns, deciders
        return True

    def begins(self) -> None:
        """An attempt does: from now on decides whose turn it is."""
        with self._lock:
            self._begun = None
            if (turns := self._turns) is not None:
                asked = self._steady() - self._heard < SILENCE
                self._core.decide_with(self._deciders[turns.next if asked else turns.incumbent])
                self._begun = turns if asked else None

    def ended(self, result: GraspResult) -> None:
        """It did, and its result is not told yet."""
        turns, episode = self._begun, result.episode
        if turns is None or episode is None or not result.judged or result.outcome not in ENDED:
            return
        if not any(step.by_person for step in episode.steps):
            self._made = turns, result.episode_id

    def counted(self, attempts: int, successes: int, episode_id: str) -> None:
        """The cycle has counted so many, of which `episode_id` is the last. Raises QtoptError as `look` does."""
        before, self._counts, self._heard = self._counts, (attempts, successes), self._steady()
        made = self._made
        if before is None or made is None or attempts != before[0] + 1 or made[1] != episode_id:
            return
        with _written(self._store):
            turns = note(self._store, *made, successes > before[1])
        if turns is None:
            return
        self._say(str(turns))
        self.look()

    def _give_back(self) -> None:
        """No turns are taken any more; what was put in force then comes as at any other time."""
        with self._lock:
            turns, self._turns, self._begun, self._made = self._turns, None, None, None
            if turns is not None:
                self._core.decide_with(self._deciders[turns.incumbent])
            self._deciders = {}


@contextmanager
def _written(store: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f"{store}: {error.strerror}") from error
