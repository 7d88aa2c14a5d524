"""How a distributed run is laid out: how many actors of each kind, and how much may wait between them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.nested_settings import by_full_name, settings_of
from qtopt_agent.core.ranges import Range, convert_fields
from qtopt_agent.documents import parse_yaml

CPUS = {"collector": 1.0, "evaluator": 1.0, "updater": 1.0, "trainer": 1.0, "shard": 0.25, "reader": 0.25}
"""Cores that an actor of each kind asks for. Ray starts it where so many are to spare, and not before."""

Actors = Annotated[int, Range(1, 10_000)]


@dataclass(frozen=True)
class Scale:
    """Settings of `--scale`; those of what is learned are the preset's. Raises InvalidInput on one out of its range."""

    shards: Annotated[Actors, "actors that keep a part of the replay each, and its capacity between them"] = 1
    updaters: Annotated[Actors, "actors that label transitions with the target networks"] = 1
    batches_per_call: Annotated[int, Range(1, 10_000), "drawn, labelled and learned from together"] = 10
    labelled_ahead: Annotated[int, Range(1, 1_000), "calls that wait for the trainer, at most"] = 2
    drawn_ahead: Annotated[int, Range(1, 1_000), "calls that an updater has at hand, at most"] = 2
    oldest_target: Annotated[
        int, Range(1, 10**9), "gradient steps after which labels are thrown away instead of learned from"
    ] = 200
    episodes_ahead: Annotated[
        int, Range(1, 1_000), "lists of episodes that wait for a shard, at most, and one more for each collector"
    ] = 2

    def __post_init__(self) -> None:
        convert_fields(self, "scale ")
        if self.oldest_target < self.batches_per_call:
            raise InvalidInput(
                f"scale oldest_target is {self.oldest_target}, expected at least batches_per_call, "
                f"{self.batches_per_call}"
            )


def make_scale(assignments: Sequence[str]) -> Scale:
    """The default with "key=value" changes. Raises InvalidInput on an unknown key or a value out of its range."""
    changes = {}
    for assignment in assignments:
        key, separator, value = assignment.partition("=")
        if not separator:
            raise InvalidInput(f"scale {assignment!r}: expected key=value")
        changes[key] = parse_yaml(value, f"scale {assignment!r}")
    return Scale(**asdict(Scale()) | by_full_name(changes, settings_of(Scale)))


def cores(actors: int, scale: Scale) -> float:
    """Cores that all actors of a run ask for together, at most; `actors` of them collect."""
    counts = {
        "collector": actors,
        "evaluator": 1,
        "updater": scale.updaters,
        "trainer": 1,
        "shard": scale.shards,
        "reader": 1,
    }
    return sum(CPUS[kind] * count for kind, count in counts.items())
