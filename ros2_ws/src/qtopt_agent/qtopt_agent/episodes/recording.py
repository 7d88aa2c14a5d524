"""One episode on its way to the disk: a hidden folder that gets its name when the episode is complete."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qtopt_agent.core.episode import Episode, Step
from qtopt_agent.core.errors import InvalidInput, StorageError
from qtopt_agent.core.observation import Observation
from qtopt_agent.episodes import messages
from qtopt_agent.episodes.bag import BagWriter, sync_folder
from qtopt_agent.episodes.message_types import EVENT, IMAGE, STEP, to_cdr
from qtopt_agent.episodes.messages import END

PARTIAL = ".partial-"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def check_episode_id(episode_id: str) -> None:
    """Raises InvalidInput on an id that could not be the name of a folder, wherever it comes from."""
    if not _ID.fullmatch(episode_id):
        raise InvalidInput(f"episode id is {episode_id[:200]!r}, expected 1 to 128 of A-Z a-z 0-9 . _ -")


@dataclass(frozen=True)
class About:
    """What is known of an episode before its first step; fields as in `core.episode.Episode`.

    Raises InvalidInput as `check_episode_id` does.
    """

    episode_id: str
    profile: str
    policy: str = ""
    model_version: str = ""
    seed: int = 0
    objects: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_episode_id(self.episode_id)


class Recording:
    """Takes steps, then the end. Made by `EpisodeWriter.open`.

    Every step is one chunk, handed to the operating system when `append` returns: a killed process loses the step it
    was in, and `qtopt episodes repair` makes an episode of the others. Leaving a `with` block without `close` discards
    the recording: what the program itself gives up leaves nothing behind.
    """

    def __init__(
        self, target: Path, about: About, *, sync: bool, partial: Path, lock: int | None = None, start: bytes = b""
    ) -> None:
        self._target = target
        self._partial = partial
        self._about = about
        self._sync = sync
        self._lock = lock
        self._start = start  # the first event as it came over the wire; empty where there is none
        self._steps = 0
        self._shape: list[int] = []
        self._last: Any = None  # step
        self._closed = False
        self._bag: BagWriter | None = None
        try:
            with self._storage_errors():
                partial.mkdir()
                self._bag = BagWriter(partial, about.episode_id)
        finally:
            if self._bag is None:
                self._release()

    @property
    def episode_id(self) -> str:
        """The name that the episode will have."""
        return self._about.episode_id

    @property
    def steps(self) -> int:
        """Steps written."""
        return self._steps

    def append(self, step: Step) -> None:
        """Write one step. Raises InvalidInput on bad values or a change of shape, writing nothing; or StorageError."""
        image = messages.image_message(step.observation)
        message = messages.step_message(step, self._steps, self._about.model_version)
        self._append(image, message, to_cdr(IMAGE, image), to_cdr(STEP, message))

    def append_raw(self, image: bytes, step: bytes) -> None:
        """Write one step as it came over the wire: CDR of sensor_msgs/Image and qtopt_msgs/GraspStep, checked only.

        Raises as `append` does, and InvalidInput where the bytes are something else, or a step that cannot come next.
        """
        picture, message = messages.received(IMAGE, image), messages.received(STEP, step)
        messages.check_step(message)
        if message.index != self._steps:
            raise InvalidInput(f"step {message.index} came, expected {self._steps}")
        if abs(messages.stamp_of(message) - messages.stamp_of(picture)) > messages.SAME:
            raise InvalidInput(f"step {message.index} and its image have different stamps")
        messages.check_order(self._last, message)
        self._append(picture, message, image, step)

    def close(self, final: Observation, *, success: bool, truncated: bool = False) -> Path:
        """Write the last observation and the outcome, and give the episode its name; returns its folder.

        Raises InvalidInput where there is no step or `final` is not as the steps were; or StorageError.
        """
        image = messages.image_message(final)
        end = messages.end_message(self._about.episode_id, self._steps, success, truncated, final)
        return self._close(image, end, to_cdr(IMAGE, image), to_cdr(EVENT, end))

    def close_raw(self, image: bytes, end: bytes) -> Path:
        """As `close`, from CDR of sensor_msgs/Image and qtopt_msgs/EpisodeEvent."""
        picture, message = messages.received(IMAGE, image), messages.received(EVENT, end)
        if (message.kind, message.episode_id, message.steps) != (END, self._about.episode_id, self._steps):
            raise InvalidInput(
                f"event {message.kind} of episode {message.episode_id!r} with {message.steps} steps came, "
                f"expected the end of {self._about.episode_id!r} with {self._steps}"
            )
        messages.check_end(message)
        return self._close(picture, message, image, end)

    def _append(self, image: Any, message: Any, *data: bytes) -> None:
        bag = self._writer()
        sizes = [values.size for values in (message.state, message.privileged, message.commanded, message.executed)]
        shape = [image.height, image.width, *sizes]
        if self._steps and shape != self._shape:
            raise InvalidInput(
                f"step {self._steps} has height, width, and sizes of state, privileged state and actions {shape}, "
                f"expected {self._shape} as before"
            )
        stamp = messages.stamp_of(image)
        with self._storage_errors():
            if self._steps == 0:
                bag.add(EVENT, self._start or self._start_event(image), stamp)
            for topic, content in zip((IMAGE, STEP), data, strict=True):
                bag.add(topic, content, stamp)
            bag.flush()
        self._steps += 1
        self._shape, self._last = shape, message

    def _start_event(self, image: Any) -> bytes:
        return to_cdr(EVENT, messages.start_message(**vars(self._about), stamp=image.header.stamp))

    def _close(self, image: Any, end: Any, *data: bytes) -> Path:
        bag = self._writer()
        if self._steps == 0:
            raise InvalidInput(f"episode {self._about.episode_id} has no step")
        shape = [image.height, image.width, end.final_state.size, end.final_privileged.size]
        if shape != self._shape[:4]:
            raise InvalidInput(
                f"final observation has height, width, and sizes of state and privileged state {shape}, "
                f"expected {self._shape[:4]} as before"
            )
        stamp = messages.stamp_of(image)
        with self._storage_errors():
            for topic, content in zip((IMAGE, EVENT), data, strict=True):
                bag.add(topic, content, stamp)
            bag.finish(self._sync)
            os.rename(self._partial, self._target)
            if self._sync:
                sync_folder(self._target.parent)
        self._closed = True
        self._end()
        return self._target

    def abandon(self) -> Path:
        """Leave what was written as a killed process would, for `episodes.repair`; returns where."""
        if self._bag is not None:
            self._bag.abandon()
        self._end()
        return self._partial

    def discard(self) -> None:
        """Remove what was written. Does nothing after `close`."""
        if self._bag is not None:
            self._bag.abandon()
        if not self._closed:
            shutil.rmtree(self._partial, ignore_errors=True)
        self._end()

    def record(self, episode: Episode) -> Path:
        """Append every step of `episode` and close; where that fails, discard."""
        with self:
            for step in episode.steps:
                self.append(step)
            return self.close(episode.final, success=episode.success, truncated=episode.truncated)

    def __enter__(self) -> "Recording":
        return self

    def __exit__(self, *exception: object) -> None:
        self.discard()

    def _writer(self) -> BagWriter:
        if self._bag is None:
            raise InvalidInput(f"episode {self._about.episode_id} is closed")
        return self._bag

    def _end(self) -> None:
        self._bag = None
        self._release()

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @contextmanager
    def _storage_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if self._bag is not None:
                self._bag.abandon()
                self._end()
            raise StorageError(f"cannot write {self._target}: {error.strerror or error}") from error
