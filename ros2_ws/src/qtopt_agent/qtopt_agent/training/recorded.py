"""Folders of recorded episodes that a run learns from: what of each batch is theirs, and what the agent saw in them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from qtopt_agent.core.episode import Episode
from qtopt_agent.core.errors import InvalidInput, QtoptError
from qtopt_agent.core.observation import Observation
from qtopt_agent.core.profile import Profile
from qtopt_agent.episodes.reader import find_episodes, read_episode
from qtopt_agent.episodes.split import held_back
from qtopt_agent.perception.ingest import Image, fit, ingest_spec, undistorted
from qtopt_agent.replay.spec import MOST_FOLDERS


@dataclass(frozen=True)
class Folder:
    """Episodes at any depth of `path`. share: of each batch, 0 to 1; None for an even part of what others leave."""

    path: Path
    share: float | None = None


def parse_folder(text: str) -> Folder:
    """DIR or DIR=SHARE. Raises InvalidInput where that is no folder, or the share is not above 0 and at most 1."""
    name, equals, after = text.rpartition("=")
    try:
        share = float(after) if equals else None
    except ValueError:  # a folder with such a name
        share = None
    folder = Folder(Path(text if share is None else name), share)
    if share is not None and not 0 < share <= 1:
        raise InvalidInput(f"share of {folder.path} is {after}, expected above 0 and at most 1")
    if next(find_episodes(folder.path), None) is None:
        raise InvalidInput(f"{folder.path} holds no episode, at any depth")
    return folder


def shares_of(folders: Sequence[Folder], simulated: float) -> list[float]:
    """What of a batch is each folder's; the run's own simulation has the rest.

    Folders without a share divide evenly what the others and the `simulated` share leave; where all have one, the
    simulation gets what they leave. Raises InvalidInput where nothing is left for one, or there are too many folders,
    or, without a simulation, shares do not add up to 1.
    """
    if len(folders) > MOST_FOLDERS:
        raise InvalidInput(f"{len(folders)} folders of episodes, expected at most {MOST_FOLDERS}")
    given = [folder.share for folder in folders if folder.share is not None]
    without = len(folders) - len(given)
    left = 1 - sum(given) - (simulated if without else 0)
    if left < -1e-9 or (without and left < 1e-9):
        raise InvalidInput(
            f"shares of the folders of episodes are {given}, and {simulated} is the simulation's: expected at most 1 "
            "together, with something left for each folder"
        )
    if not without and not simulated and left > 1e-9 and folders:
        raise InvalidInput(f"shares of the folders of episodes are {given}: expected 1 together, without a simulation")
    return [left / without if folder.share is None else folder.share for folder in folders]


def learning_episodes(
    folder: Path,
    profile: Profile,
    hold_back: float,
    skipped: Callable[[str], object] | None = None,
    whole: bool = False,
) -> Iterator[Episode]:
    """The episodes below `folder` as an agent of `profile` saw them, but for the share that is held back.

    `whole`: with all that its camera saw, as `with_whole_frames`. What cannot be used is left out where `skipped` is
    there to be told why. Otherwise raises InvalidInput on an episode that was recorded for another profile,
    CorruptEpisode as `read_episode`.
    """
    for path in find_episodes(folder):
        try:
            seen = learning_episode(path, profile, hold_back, whole)
        except QtoptError as error:
            if skipped is None:
                raise
            skipped(str(error))
            continue
        if seen is not None:
            yield seen


def learning_episode(path: Path, profile: Profile, hold_back: float, whole: bool = False) -> Episode | None:
    """The episode in folder `path` as an agent of `profile` saw it; None where it is held back.

    `whole` and what is raised: as above.
    """
    episode = read_episode(path)
    if held_back(episode.episode_id, hold_back):
        return None
    return with_whole_frames(episode, profile) if whole else as_seen(episode, profile)


def as_seen(episode: Episode, profile: Profile) -> Episode:
    """`episode` with its pictures as an agent of `profile` sees them: by the cell cut out, undistorted and scaled.

    Raises InvalidInput where it was recorded for another profile, or its pictures are not of the cell's camera.
    """
    _check_profile(episode, profile)
    if not profile.has_camera:
        return episode
    spec = ingest_spec(profile)
    return _with_pictures(episode, lambda image: fit(image, spec))


def with_whole_frames(episode: Episode, profile: Profile) -> Episode:
    """`episode` with the frames of the cell's camera, whole and undistorted, for random crops of them.

    Raises InvalidInput where it was recorded for another profile, or its pictures are not whole frames of that camera.
    """
    _check_profile(episode, profile)
    camera = profile.cell.camera
    try:
        return _with_pictures(episode, lambda image: undistorted(image, camera))
    except InvalidInput as error:
        raise InvalidInput(
            f"episode {episode.episode_id}: {error}; collect with --whole-frames, or train with "
            "augmentation.random_crop=false"
        ) from error


def _check_profile(episode: Episode, profile: Profile) -> None:
    if episode.profile != profile.name:
        raise InvalidInput(
            f"episode {episode.episode_id} was recorded for profile {episode.profile}, not {profile.name}"
        )


def _with_pictures(episode: Episode, change: Callable[[Image], Image]) -> Episode:
    def seen(observation: Observation) -> Observation:
        return replace(observation, image=change(observation.image))

    steps = tuple(replace(step, observation=seen(step.observation)) for step in episode.steps)
    return replace(episode, steps=steps, final=seen(episode.final))
