"""Makes whole episodes of what killed writers and damaged disks leave behind."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from qtopt_agent.core.episode import Episode
from qtopt_agent.core.errors import CorruptEpisode, StorageError
from qtopt_agent.episodes.bag import BagContents, mcap_file, scan
from qtopt_agent.episodes.label import FILE_NAME as LABEL
from qtopt_agent.episodes.messages import STEP
from qtopt_agent.episodes.reader import find_episodes, find_partial, shortened_episode, whole_episode
from qtopt_agent.episodes.recording import PARTIAL, About, Recording, lock_folder
from qtopt_agent.episodes.verify import implausible, verify

SCRATCH = ".repair-"


class Outcome(StrEnum):
    """What became of a folder that was not a whole episode."""

    REPAIRED = "repaired"
    REMOVED = "removed"
    IN_USE = "in use"
    FAILED = "failed"


@dataclass(frozen=True)
class Repair:
    """One folder's repair: `path` as it is now, and what was kept and lost, in words."""

    path: Path
    outcome: Outcome
    detail: str


def repair(root: Path | str) -> list[Repair]:
    """Repair everything at or below `root` that is not a whole episode; whole ones are neither touched nor listed."""
    results = (repair_folder(folder) for folder in candidates(root))
    return [result for result in results if result is not None]


def candidates(root: Path | str) -> Iterator[Path]:
    """Every folder below `root` that `repair_folder` has to look at. Raises InvalidInput where `root` is no folder."""
    yield from list(find_partial(root))
    yield from list(find_episodes(root))


def repair_folder(folder: Path) -> Repair | None:
    """Repair one episode or partial recording; None where it is whole.

    The new file is complete and on the disk before the old one goes. A recording cut before its second step is removed;
    a damaged episode from which nothing can be had is left as it is, as is whatever somebody is writing. Raises
    StorageError where the disk does not let it.
    """
    problems = [] if folder.name.startswith(PARTIAL) else verify(folder)
    if not problems and not folder.name.startswith(PARTIAL):
        return None
    try:
        lock = lock_folder(folder.parent, alone=True)
        if lock is None:
            return Repair(folder, Outcome.IN_USE, "a running program records in this folder")
        try:
            return _repair_locked(folder, problems)
        finally:
            os.close(lock)
    except OSError as error:
        raise StorageError(f"cannot repair {folder}: {error.strerror or error}") from error


def being_written(partial: Path) -> bool:
    """Whether a running program records in the folder of this partial recording."""
    lock = lock_folder(partial.parent, alone=True)
    if lock is not None:
        os.close(lock)
    return lock is None


def _repair_locked(folder: Path, problems: list[str]) -> Repair | None:
    name = folder.name.removeprefix(PARTIAL)
    target, partial = folder.with_name(name), folder.with_name(PARTIAL + name)
    if not folder.exists():
        return None  # it was given its name, or was discarded, before the lock was had
    if folder == partial and target.exists():
        return _remove_copy(partial, target)
    try:
        contents = scan(mcap_file(folder))
        episode, detail = _salvage(contents)
    except (CorruptEpisode, ValueError) as error:
        if folder == partial and _holds_nothing(folder):
            shutil.rmtree(folder)
            return Repair(folder, Outcome.REMOVED, f"{error}")
        return Repair(folder, Outcome.FAILED, f"{'; '.join(problems) or error}")
    if wrong := implausible(episode):
        return Repair(folder, Outcome.FAILED, "; ".join(wrong))
    if folder != partial:
        os.rename(folder, partial)  # if this process is killed too, the next repair finds it there
    scratch = folder.with_name(SCRATCH + name)
    if scratch.exists():
        shutil.rmtree(scratch)
    fields = {field: getattr(episode, field) for field in About.__dataclass_fields__}
    Recording(target, About(**fields), sync=True, partial=scratch).record(episode)
    if (partial / LABEL).exists():
        shutil.copy2(partial / LABEL, target / LABEL)
    shutil.rmtree(partial)
    return Repair(target, Outcome.REPAIRED, detail)


def _salvage(contents: BagContents) -> tuple[Episode, str]:
    try:
        return whole_episode(contents), "every step was there"
    except ValueError:
        episode = shortened_episode(contents)
        return episode, f"{len(episode.steps)} steps kept, the end is lost: {contents.problem}"


def _holds_nothing(partial: Path) -> bool:
    """Whether the recording was cut before its second step was complete, so that it holds no transition."""
    files = list(partial.glob("*.mcap"))
    if not files:
        return True
    contents = scan(files[0])
    return contents.unread == 0 and contents.summary.counts[STEP] < 2


def _remove_copy(partial: Path, target: Path) -> Repair:
    if problems := verify(target):
        return Repair(partial, Outcome.FAILED, f"there is a damaged {target} too: {'; '.join(problems)}")
    shutil.rmtree(partial)
    return Repair(partial, Outcome.REMOVED, f"{target} is whole")
