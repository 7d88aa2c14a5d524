"""A candidate and the model in force that take turns on an arm, attempt by attempt, until it is clear which is better.

A small file in their store says so, and what came of each attempt; it is replaced by one rename. An agent that watches
the store follows it; whoever changes what is in force ends it.
"""

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.documents import read_json
from qtopt_agent.models.alternation import Alternation, Verdict
from qtopt_agent.models.current import Current, read_current, write_current
from qtopt_agent.models.files import write_json
from qtopt_agent.models.history import TURNS_BEGUN, TURNS_ENDED, alone, record
from qtopt_agent.models.opened import open_model
from qtopt_agent.models.store import copy_into, latest

TURNS = "turns.json"
MAX_PAIRS = 500


@dataclass(frozen=True)
class Attempt:
    """One that counts. model: whose it was. success: by the last word on it."""

    episode_id: str
    model: str
    success: bool


@dataclass(frozen=True)
class Turns:
    """incumbent, candidate: folders of the store. who: asked for it. seed, pairs, error: as Alternation has them."""

    incumbent: str
    candidate: str
    who: str
    begun: str  # ISO 8601, UTC
    seed: int
    pairs: int
    error: float
    attempts: tuple[Attempt, ...] = ()

    def __post_init__(self) -> None:
        if self.pairs > MAX_PAIRS or self.seed < 0:
            raise InvalidInput(f"pairs {self.pairs}, seed {self.seed}: expected at most {MAX_PAIRS}, and 0 or more")
        self._test.whose(0)  # raises where they make no sense

    @cached_property
    def _test(self) -> Alternation:
        return Alternation(self.seed, self.pairs, self.error)

    @property
    def next(self) -> str:
        """Whose attempt is next."""
        return (self.incumbent, self.candidate)[self._test.whose(len(self.attempts))]

    @cached_property
    def verdict(self) -> Verdict:
        """What is known by now."""
        return self._test.verdict([each.success for each in self.attempts])

    def successes(self, model: str) -> tuple[int, int]:
        """Of the attempts of `model`, and how many these are."""
        mine = [each.success for each in self.attempts if each.model == model]
        return sum(mine), len(mine)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"attempts": [asdict(each) for each in self.attempts]}

    def __str__(self) -> str:
        told = ", ".join("{} {} of {}".format(each, *self.successes(each)) for each in (self.candidate, self.incumbent))
        return f"{told}; {len(self.attempts)} attempts of at most {2 * self.pairs}: {self.verdict.value}"


def read_turns(store: Path) -> Turns | None:
    """The turns that are taken in `store`; None where none are. Raises InvalidInput on a file that is damaged."""
    file = store / TURNS
    if not file.exists():
        return None
    found = read_json(file)
    try:
        turns = Turns(**found | {"attempts": tuple(Attempt(**each) for each in found["attempts"])})
        _check(turns)
    except (TypeError, KeyError, ValueError) as error:
        raise InvalidInput(f"{file} does not say who takes turns: {error}") from error
    return turns


def begin_turns(
    candidate: Path,
    store: Path,
    who: str,
    why: str = "",
    seed: int = 0,
    pairs: int = 200,
    error: float = 0.05,
    forced: bool = False,
    evidence: dict[str, Any] | None = None,
) -> Turns:
    """Have the model `candidate`, copied into `store`, and the one in force there take turns.

    Raises IncompatibleModel where the candidate is damaged, or of another profile or cell than the incumbent;
    InvalidInput where it is in force itself, or two take turns already.
    """
    with alone(store):
        if (running := read_turns(store)) is not None:
            both = f"{running.candidate} and {running.incumbent}"
            raise InvalidInput(f"{both} take turns in {store} already: let them finish, or end it")
        incumbent = latest(store)
        version: str = open_model(candidate, open_model(incumbent).spec.profile).manifest["version"]
        if version == incumbent.name:
            raise InvalidInput(f"{version} is in force in {store}: expected another model")
        now = datetime.now(UTC).isoformat(timespec="seconds")
        turns = Turns(incumbent.name, version, who, now, seed, pairs, error)
        record(store, TURNS_BEGUN, version, incumbent.name, who, why, forced, evidence or {})
        if read_current(store) is None:
            write_current(store, Current(incumbent.name))  # by being newer, the candidate is not in force
        copy_into(store, candidate)
        write_json(store / TURNS, turns.to_json())
    return turns


def note(store: Path, turns: Turns, episode_id: str, success: bool) -> Turns | None:
    """Count an attempt of the model whose it was in `turns`, as they were when it began; returns them with it.

    None where they have ended meanwhile, or another attempt came first: this one does not count.
    """
    with alone(store):
        if read_turns(store) != turns:
            return None
        attempt = Attempt(episode_id, turns.next, success)
        turns = replace(turns, attempts=(*turns.attempts, attempt))
        write_json(store / TURNS, turns.to_json())
    return turns


def end_turns(store: Path, who: str, why: str = "") -> None:
    """The incumbent stays in force. Raises InvalidInput where no models take turns."""
    with alone(store):
        if not forget_turns(store, who, why):
            raise InvalidInput(f"no models take turns in {store}")


def forget_turns(store: Path, who: str, why: str) -> bool:
    """End turns, if any are taken, for one who has the store `alone`; their attempts go to the history."""
    file = store / TURNS
    if not file.exists():
        return False
    try:
        turns = read_turns(store)
    except InvalidInput as error:  # also what nobody can read any more has an end
        record(store, TURNS_ENDED, "", "", who, f"{why}: {error}".replace("\n", " "), False, {})
    else:
        assert turns is not None
        record(store, TURNS_ENDED, turns.candidate, turns.incumbent, who, why, False, turns.to_json())
    file.unlink()
    return True


def _check(turns: Turns) -> None:
    texts = [turns.who, turns.begun, *(each.episode_id for each in turns.attempts)]
    names = [turns.incumbent, turns.candidate, *(each.model for each in turns.attempts)]
    if not all(isinstance(each, str) for each in texts + names):
        raise InvalidInput("expected text for who, begun, models and episodes")
    if not all(each and Path(each).name == each for each in names):
        raise InvalidInput(f"models are {names[0]!r} and {names[1]!r}, expected names of folders")
    if not all(isinstance(each.success, bool) for each in turns.attempts):
        raise InvalidInput("success is true or false")
