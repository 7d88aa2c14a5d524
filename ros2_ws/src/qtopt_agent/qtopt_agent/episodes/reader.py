"""Episodes from the disk: finding them, and turning their messages back into steps."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from qtopt_agent.core.episode import Episode
from qtopt_agent.core.errors import CorruptEpisode, InvalidInput
from qtopt_agent.core.folders import walk
from qtopt_agent.core.observation import Observation
from qtopt_agent.episodes.bag import BagContents, Recorded, mcap_file, scan
from qtopt_agent.episodes.label import labelled, read_label
from qtopt_agent.episodes.message_types import EVENT, IMAGE, STEP
from qtopt_agent.episodes.messages import END, SAME, START, check_end, check_step, stamp_of, to_observation, to_step
from qtopt_agent.episodes.metadata import FILE_NAME
from qtopt_agent.episodes.recording import PARTIAL, About


def read_episode(path: Path | str) -> Episode:
    """The episode in folder `path`, checksums checked; where it has a label, with that outcome.

    Raises CorruptEpisode, naming the file and what is wrong with it, on anything but a whole episode of finite numbers.
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
        for step in contents.messages[STEP]:
            check_step(step.message)
        for event in contents.messages[EVENT]:
            check_end(event.message)
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
    for folder, inside, files in walk(Path(root)):
        if folder.name.startswith(PARTIAL) or any(n == FILE_NAME or n.endswith(".mcap") for n in (*inside, *files)):
            inside.clear()
            yield folder
        else:
            inside[:] = sorted(name for name in inside if name.startswith(PARTIAL) or not name.startswith("."))


@dataclass(frozen=True)
class Recovered:
    """What the complete chunks of a file hold, in the order of the episode.

    steps: each with its image before it. last_image: the one that belongs to `end`.
    """

    start: Recorded
    about: About
    steps: tuple[tuple[Recorded, Recorded], ...]
    last_image: Recorded | None
    end: Recorded | None


def recover(contents: BagContents) -> Recovered:
    """Put the messages of `contents` together, in whatever order they are: stamps and indices say what belongs where.

    Steps are those without a gap from the first one on. Raises ValueError where it is not one episode.
    """
    events = contents.messages[EVENT]
    starts = [event for event in events if event.message.kind == START]
    ends = [event for event in events if event.message.kind == END]
    if not starts:
        raise ValueError("it does not hold the beginning of an episode of this project")
    if len(starts) > 1 or len(ends) > 1 or len(starts) + len(ends) < len(events):
        raise ValueError(f"it has {len(events)} events, {len(starts)} of them beginnings, expected one and an end")
    first = starts[0].message
    fields = {name: getattr(first, name) for name in About.__dataclass_fields__}
    about = About(**fields | {"objects": tuple(first.objects)})
    if ends and ends[0].message.episode_id != about.episode_id:
        raise ValueError(f"the end is that of another episode, {ends[0].message.episode_id[:200]!r}")
    images: dict[int, list[Recorded]] = {}
    for image in contents.messages[IMAGE]:
        images.setdefault(stamp_of(image.message) // SAME, []).append(image)
    steps: list[tuple[Recorded, Recorded]] = []
    for step in sorted(contents.messages[STEP], key=lambda step: int(step.message.index)):
        if step.message.index < len(steps):
            raise ValueError(f"step {step.message.index} is there twice")
        its_image = _take(images, stamp_of(step.message)) if step.message.index == len(steps) else None
        if its_image is None:
            break
        steps.append((its_image, step))
    end = ends[0] if ends else None
    return Recovered(starts[0], about, tuple(steps), _take(images, stamp_of(end.message)) if end else None, end)


def _take(images: dict[int, list[Recorded]], stamp: int) -> Recorded | None:
    """The first image taken at `stamp`, which is then taken out of `images`, by stamp // SAME."""
    for key in (stamp // SAME, stamp // SAME - 1, stamp // SAME + 1):
        for place, image in enumerate(images.get(key, [])):
            if abs(stamp_of(image.message) - stamp) <= SAME:
                return images[key].pop(place)
    return None


def whole_episode(contents: BagContents) -> Episode:
    """The episode that `contents` is. Raises ValueError, saying what is wrong, unless it is all there and no more."""
    found = recover(contents)
    if found.end is None:
        raise ValueError("the recording has no end")
    steps, end = len(found.steps), found.end.message
    counts = [len(contents.messages[topic]) for topic in (STEP, IMAGE)]
    if found.last_image is None or not steps or end.steps != steps or counts != [steps, steps + 1]:
        raise ValueError(
            f"the recording has {counts[0]} steps and {counts[1]} images, {steps} steps in a row with theirs, "
            f"its end gives {end.steps}"
        )
    final = to_observation(found.last_image.message, end.final_state, end.final_privileged)
    return _episode(found.about, found.steps, final, success=end.success, truncated=end.truncated)


def shortened_episode(contents: BagContents) -> Episode:
    """The episode as far as it is known: the last step whose chunk is whole gives the final observation.

    What came of that step is not recorded, so it is not among the steps. Raises ValueError where none is left.
    """
    found = recover(contents)
    if len(found.steps) < 2:
        raise ValueError("it holds no complete step with the observation after it")
    image, last = found.steps[-1]
    final = to_observation(image.message, last.message.state, last.message.privileged)
    return _episode(found.about, found.steps[:-1], final, success=False, truncated=True)


def _episode(
    about: About, steps: tuple[tuple[Recorded, Recorded], ...], final: Observation, *, success: bool, truncated: bool
) -> Episode:
    taken = tuple(to_step(step.message, image.message) for image, step in steps)
    return Episode(steps=taken, final=final, success=success, truncated=truncated, **vars(about))
