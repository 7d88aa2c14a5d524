"""Episodes from the disk: finding them, and turning their messages back into steps."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qtopt_agent.core.episode import Episode, Step
from qtopt_agent.core.errors import CorruptEpisode, InvalidInput
from qtopt_agent.episodes.bag import BagContents, mcap_file, scan
from qtopt_agent.episodes.label import labelled, read_label
from qtopt_agent.episodes.messages import END, EVENT, IMAGE, SAME, START, STEP, stamp_of, to_observation, to_step
from qtopt_agent.episodes.metadata import FILE_NAME
from qtopt_agent.episodes.recording import PARTIAL, About


def read_episode(path: Path | str) -> Episode:
    """The episode in folder `path`, checksums checked; where it has a label, with that outcome.

    Raises CorruptEpisode, naming the file and what is wrong with it, on anything but a whole episode.
    """
    folder = Path(path)
    file = mcap_file(folder)
    if not (folder / FILE_NAME).is_file():
        raise CorruptEpisode(f"{folder}: has no {FILE_NAME}")
    contents = scan(file)
    if contents.problem:
        raise CorruptEpisode(f"{file}: {contents.problem}")
    label = read_label(folder)
    try:
        episode = whole_episode(contents)
        return labelled(episode, label) if label else episode
    except (ValueError, InvalidInput) as error:
        raise CorruptEpisode(f"{file}: {error}") from error


def iter_episodes(root: Path | str) -> Iterator[Episode]:
    """Every complete episode below `root`, in the order of their paths. Raises as `find_episodes`, `read_episode`."""
    return (read_episode(folder) for folder in find_episodes(root))


def find_episodes(root: Path | str) -> Iterator[Path]:
    """Folders of episodes at or below `root`, sorted; those still being written, or cut short, are not among them.

    Raises InvalidInput where `root` is not a folder that can be read.
    """
    return (folder for folder in _find(root) if not folder.name.startswith(PARTIAL))


def find_partial(root: Path | str) -> Iterator[Path]:
    """Folders at or below `root` of recordings without an end: being written now, or left by a killed process."""
    return (folder for folder in _find(root) if folder.name.startswith(PARTIAL))


def _find(root: Path | str) -> Iterator[Path]:
    if not Path(root).is_dir():
        raise InvalidInput(f"{root}: there is no such folder")
    pending = [Path(root)]
    while pending:
        folder = pending.pop()
        try:
            with os.scandir(folder) as entries:
                names = {entry.name: entry.is_dir(follow_symlinks=False) for entry in entries}
        except FileNotFoundError:
            continue  # a recording that got its name, or was discarded, since its parent was listed
        except OSError as error:
            raise InvalidInput(f"{folder}: {error.strerror}") from error
        if folder.name.startswith(PARTIAL) or any(name == FILE_NAME or name.endswith(".mcap") for name in names):
            yield folder
        else:
            inside = (name for name, is_dir in names.items() if is_dir)
            wanted = (name for name in inside if name.startswith(PARTIAL) or not name.startswith("."))
            pending += [folder / name for name in sorted(wanted, reverse=True)]


@dataclass(frozen=True)
class Recovered:
    """What the complete chunks of a file hold: its beginning, its steps, and the last image and END if there are."""

    about: About
    steps: tuple[Step, ...]
    last_image: Any = None
    end: Any = None


def recover(contents: BagContents) -> Recovered:
    """Put the messages of `contents` together. Raises ValueError where they are not those of one episode in order."""
    about: About | None = None
    steps: list[Step] = []
    image: Any = None
    rest = iter(contents.messages)
    for topic, message in rest:
        if topic == EVENT and message.kind == START and about is None and not steps:
            about = About(
                message.episode_id,
                message.profile,
                message.policy,
                message.model_version,
                message.seed,
                tuple(message.objects),
            )
        elif topic == IMAGE and about and image is None:
            image = message
        elif topic == STEP and about and image and message.index == len(steps):
            if abs(stamp_of(message) - stamp_of(image)) > SAME:
                raise ValueError(f"step {message.index} and its image have different stamps")
            steps.append(to_step(message, image))
            image = None
        elif topic == EVENT and about and message.kind == END and next(rest, None) is None:
            return Recovered(about, tuple(steps), image, message)
        else:
            raise ValueError(f"message on {topic} after {len(steps)} steps is out of place")
    if about is None:
        raise ValueError("it does not hold the beginning of an episode of this project")
    return Recovered(about, tuple(steps), image)


def whole_episode(contents: BagContents) -> Episode:
    """The episode that `contents` is. Raises ValueError, saying what is wrong, unless it is all there."""
    found = recover(contents)
    if found.end is None:
        raise ValueError("the recording has no end")
    if found.last_image is None or found.end.steps != len(found.steps) or not found.steps:
        raise ValueError(f"the recording has {len(found.steps)} steps, its end gives {found.end.steps}")
    final = to_observation(found.last_image, found.end.final_state, found.end.final_privileged)
    outcome = {"success": found.end.success, "truncated": found.end.truncated}
    return Episode(steps=found.steps, final=final, **vars(found.about), **outcome)


def shortened_episode(contents: BagContents) -> Episode:
    """The episode as far as it is known: the last step whose chunk is whole gives the final observation.

    What came of that step is not recorded, so it is not among the steps. Raises ValueError where none is left.
    """
    found = recover(contents)
    if len(found.steps) < 2:
        raise ValueError("it holds no complete step with the observation after it")
    final = found.steps[-1].observation
    return Episode(steps=found.steps[:-1], final=final, success=False, truncated=True, **vars(found.about))
