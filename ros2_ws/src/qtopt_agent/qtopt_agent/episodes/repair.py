"""Makes whole episodes of what killed writers and damaged disks leave behind."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from qtopt_agent.core.episode import Episode
from qtopt_agent.core.errors import CorruptEpisode, InvalidInput, StorageError
from qtopt_agent.episodes.bag import BagContents, mcap_file, scan
from qtopt_agent.episodes.label import read_label
from qtopt_agent.episodes.message_types import EVENT, STEP, TOPICS, to_cdr
from qtopt_agent.episodes.messages import end_message
from qtopt_agent.episodes.metadata import FILE_NAME as METADATA
from qtopt_agent.episodes.reader import find_episodes, find_partial, recover, shortened_episode, whole_episode
from qtopt_agent.episodes.recording import PARTIAL, About, Recording
from qtopt_agent.episodes.verify import implausible, verify
from qtopt_agent.processes.folder_lock import lock_folder

SCRATCH = ".repair-"
BEFORE = ".before-repair"  # of a file with messages that are not the episode's


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
    """Repair one episode or partial recording, where links lead to it; None where it is whole.

    The new file is complete and on the disk before the old one goes, and holds the messages as they were recorded. A
    recording cut before its second step is removed; a damaged episode from which nothing can be had is left as it is,
    as is whatever somebody is writing. What else lies in the folder stays there. Raises StorageError where the disk
    does not let it.
    """
    folder = folder.resolve()
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
    if not name or name == "..":
        return Repair(folder, Outcome.FAILED, "its name is that of no episode")
    target, partial = folder.with_name(name), folder.with_name(PARTIAL + name)
    if not folder.exists():
        return None  # it was given its name, or was discarded, before the lock was had
    if folder == partial and target.exists():
        return _remove_copy(partial, target)
    try:
        read_label(folder)
    except CorruptEpisode as error:  # a person's word, which nothing here can make whole
        return Repair(folder, Outcome.FAILED, f"{error}: remove it, or label the episode anew")
    try:
        contents = scan(mcap_file(folder))
        salvaged = _salvage(contents)
    except (CorruptEpisode, ValueError) as error:
        if folder == partial and _holds_nothing(folder):
            shutil.rmtree(folder)
            return Repair(folder, Outcome.REMOVED, f"{error}")
        return Repair(folder, Outcome.FAILED, f"{'; '.join(problems) or error}")
    if wrong := implausible(salvaged.episode):
        return Repair(folder, Outcome.FAILED, "; ".join(wrong))
    if folder != partial:
        os.rename(folder, partial)  # if this process is killed too, the next repair finds it there
    scratch = folder.with_name(SCRATCH + name)
    if scratch.exists():
        shutil.rmtree(scratch)
    try:
        salvaged.record(Recording(target, salvaged.about, sync=True, partial=scratch, start=salvaged.start))
    except InvalidInput as error:
        os.rename(partial, folder)
        return Repair(folder, Outcome.FAILED, f"{error}")
    _move_the_rest(partial, target, contents)
    shutil.rmtree(partial)
    return Repair(target, Outcome.REPAIRED, salvaged.detail)


@dataclass(frozen=True)
class _Salvaged:
    """An episode in the bytes that it was recorded in; only an end that was lost is made anew."""

    about: About
    start: bytes
    steps: list[tuple[bytes, bytes]]  # image, step
    last_image: bytes
    end: bytes
    episode: Episode
    detail: str

    def record(self, recording: Recording) -> None:
        with recording:
            for image, step in self.steps:
                recording.append_raw(image, step)
            recording.close_raw(self.last_image, self.end)


def _salvage(contents: BagContents) -> _Salvaged:
    """What can be had of `contents`. Raises ValueError where that is nothing."""
    found = recover(contents)
    steps = [(image.data, step.data) for image, step in found.steps]
    try:
        episode = whole_episode(contents)
    except ValueError as error:
        episode = shortened_episode(contents)
        outcome = {"success": episode.success, "truncated": episode.truncated}
        end = to_cdr(EVENT, end_message(episode.episode_id, len(episode.steps), final=episode.final, **outcome))
        detail = f"{len(episode.steps)} steps kept, the end is lost: {contents.problem or error}"
        return _Salvaged(found.about, found.start.data, steps[:-1], steps[-1][0], end, episode, detail)
    assert found.last_image and found.end
    ends = (found.last_image.data, found.end.data)
    return _Salvaged(found.about, found.start.data, steps, *ends, episode, "every step was there")


def _move_the_rest(partial: Path, target: Path, contents: BagContents) -> None:
    """Labels, notes and messages on others' topics stay with the episode."""
    file = mcap_file(partial)
    if contents.summary.total > sum(contents.summary.counts[topic] for topic in TOPICS):
        os.rename(file, target / f"{file.name}{BEFORE}")
    for other in partial.iterdir():
        if other.name not in (file.name, METADATA) and not (target / other.name).exists():
            os.rename(other, target / other.name)


def _holds_nothing(partial: Path) -> bool:
    """Whether the recording was cut before its second step was complete, so that it holds no transition."""
    files = [file for file in partial.iterdir() if file.name != METADATA]
    if not files:
        return True
    if len(files) > 1 or files[0].suffix != ".mcap" or not files[0].is_file():
        return False
    contents = scan(files[0])
    return contents.unread == 0 and contents.summary.counts[STEP] < 2 and set(contents.summary.counts) == set(TOPICS)


def _remove_copy(partial: Path, target: Path) -> Repair:
    """An earlier repair made `target` of `partial` and was killed before it removed that."""
    if problems := verify(target):
        return Repair(partial, Outcome.FAILED, f"there is a damaged {target} too: {'; '.join(problems)}")
    if not _holds_nothing(partial):
        try:
            contents = scan(mcap_file(partial))
            old, new = ([step.data for _, step in recover(each).steps] for each in (contents, scan(mcap_file(target))))
        except (CorruptEpisode, ValueError) as error:
            return Repair(partial, Outcome.FAILED, f"{target} is whole; what was in this one cannot be told: {error}")
        if len(new) < len(old) - 1 or any(a != b for a, b in zip(old, new, strict=False)):
            return Repair(partial, Outcome.FAILED, f"{target} is whole, and another episode than this one")
        _move_the_rest(partial, target, contents)
    shutil.rmtree(partial)
    return Repair(partial, Outcome.REMOVED, f"{target} is whole")
