"""Recorded attempts counted: by whom they were made, how they ended, and who says so."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from qtopt_agent.episodes.label import read_label
from qtopt_agent.episodes.reader import read_episode


@dataclass(frozen=True)
class Attempted:
    """What is counted of one episode. author: of its label, "" where it has none. by_person: steps a person chose."""

    episode_id: str
    policy: str
    model_version: str
    success: bool
    truncated: bool
    author: str
    steps: int
    by_person: int


@dataclass(frozen=True)
class Count:
    """Episodes of one kind. judged: those that came to an end, of which `successes`; truncated ones have no outcome."""

    episodes: int
    judged: int
    successes: int
    unlabelled: int
    steps: int
    by_person: int


GROUPS: dict[str, Callable[[Attempted], str]] = {
    "policy": lambda each: each.policy,
    "model": lambda each: each.model_version,
    "author of the label": lambda each: each.author or "no label",
    "outcome": lambda each: "cut short" if each.truncated else "success" if each.success else "failure",
}
"""How episodes are put together."""


def attempted(folder: Path) -> Attempted:
    """What is counted of the episode in `folder`. Raises CorruptEpisode."""
    episode, label = read_episode(folder), read_label(folder)
    return Attempted(
        episode.episode_id,
        episode.policy,
        episode.model_version,
        episode.success,
        episode.truncated,
        label.author if label else "",
        len(episode.steps),
        sum(step.by_person for step in episode.steps),
    )


def counted(attempts: Iterable[Attempted]) -> Count:
    """All of them together."""
    found = list(attempts)
    judged = [each for each in found if not each.truncated]
    return Count(
        len(found),
        len(judged),
        sum(each.success for each in judged),
        sum(not each.author for each in found),
        sum(each.steps for each in found),
        sum(each.by_person for each in found),
    )


def grouped(attempts: Iterable[Attempted], group: Callable[[Attempted], str]) -> dict[str, Count]:
    """By what `group` says of each, in alphabetical order."""
    parts: dict[str, list[Attempted]] = {}
    for each in attempts:
        parts.setdefault(group(each), []).append(each)
    return {name: counted(part) for name, part in sorted(parts.items())}
