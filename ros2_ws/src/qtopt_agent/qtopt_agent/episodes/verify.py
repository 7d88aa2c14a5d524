"""Whether an episode on disk is whole, in order and plausible."""

from collections.abc import Sequence
from itertools import pairwise
from math import isinf
from pathlib import Path

import numpy as np

from qtopt_agent.core.episode import Episode
from qtopt_agent.core.errors import CorruptEpisode, InvalidInput
from qtopt_agent.documents import read_text
from qtopt_agent.episodes.bag import mcap_file, scan
from qtopt_agent.episodes.label import read_label
from qtopt_agent.episodes.metadata import FILE_NAME, metadata_problems
from qtopt_agent.episodes.reader import whole_episode


def verify(path: Path | str) -> list[str]:
    """What is wrong with the episode in folder `path`, one line each; empty where nothing is.

    Checks every checksum, the message definitions, metadata.yaml against the file, that the steps are all there, that
    numbers are finite, that shapes stay the same and that stamps do not run backwards.
    """
    folder = Path(path)
    try:
        file = mcap_file(folder)
        contents = scan(file)
        read_label(folder)
        problems = [f"{file.name}: {contents.problem}"] if contents.problem else []
        problems += metadata_problems(read_text(folder / FILE_NAME), file.name, contents.summary)
    except (CorruptEpisode, InvalidInput) as error:
        return [str(error)]
    if contents.problem:
        return problems
    try:
        return problems + implausible(whole_episode(contents))
    except ValueError as error:
        return [*problems, f"{file.name}: {error}"]


def implausible(episode: Episode) -> list[str]:
    """What no healthy recording holds: values that are not finite, changing shapes, stamps that run backwards."""
    observations = [*(step.observation for step in episode.steps), episode.final]
    numbers = {
        "state": [seen.state for seen in observations],
        "privileged state": [seen.privileged for seen in observations if seen.privileged is not None],
        "commanded action": [step.commanded for step in episode.steps],
        "executed action": [step.executed for step in episode.steps],
        "reward": [np.array([step.reward]) for step in episode.steps],
    }
    problems = [
        f"{name} {i} is {value.tolist()}, expected finite numbers"
        for name, values in numbers.items()
        for i, value in enumerate(values)
        if not np.isfinite(value).all()
    ]
    problems += [f"Q {i} is infinite" for i, step in enumerate(episode.steps) if isinf(step.q)]
    problems += [f"log density {i} is infinite" for i, step in enumerate(episode.steps) if isinf(step.log_density)]
    shapes = {**numbers, "image": [seen.image for seen in observations]}
    problems += [
        f"{name} changes its shape during the episode"
        for name, values in shapes.items()
        if len({value.shape for value in values}) > 1
    ]
    stamps = {
        "capture": [seen.stamp for seen in observations],
        "inference": [step.inference_stamp for step in episode.steps],
        "command": [step.command_stamp for step in episode.steps],
    }
    problems += [f"{name} stamps run backwards" for name, values in stamps.items() if not _rising(values)]
    problems += [f"{name} stamps begin before 0" for name, values in stamps.items() if min(values) < 0]
    if any(step.terminal for step in episode.steps[:-1]):
        problems.append("a step before the last one is terminal")
    return problems


def _rising(values: Sequence[float]) -> bool:
    return all(a <= b for a, b in pairwise(values))
