"""Makes episodes of an agent's messages as they come over the wire, without decoding and encoding them again."""

import struct
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from qtopt_agent.core.errors import InvalidInput, QtoptError, StorageError
from qtopt_agent.core.printable import printable
from qtopt_agent.episodes.disk_guard import DiskGuard
from qtopt_agent.episodes.label import write_label
from qtopt_agent.episodes.message_types import EVENT, STEP
from qtopt_agent.episodes.messages import END, SAME, START, received, stamp_of
from qtopt_agent.episodes.recording import PARTIAL, Recording, check_episode_id
from qtopt_agent.episodes.repair import repair_folder
from qtopt_agent.episodes.writer import EpisodeWriter
from qtopt_agent.perception.frame_gaps import FrameGaps

PATIENCE = 3.0  # s after the end was announced, for messages that are still on their way
SILENCE = 60.0  # s without a step: the agent is gone


@dataclass
class Counts:
    """What has been recorded and lost since the start."""

    images: int = 0  # seen, most of which belong to no step
    dropped: int = 0  # images that did not come
    steps: int = 0
    bytes: int = 0  # of images and steps written
    episodes: int = 0
    cut: int = 0  # episodes kept without their end
    lost: int = 0  # episodes not recorded, or given up


@dataclass(frozen=True)
class _Waiting:
    """A message whose image is not there yet."""

    stamp: int
    data: bytes
    steps: int  # before this one


class EpisodeLog:
    """Feed it CDR bytes through `image`, `step` and `event`, in any order between the three; call `tick` each second.

    An image is kept until `buffer` bytes of newer ones have come: a step is announced when its motion has ended, so
    that must be longer than a motion takes. `say` and `warn` are told what happens, one sentence each. `steady`: s.
    """

    def __init__(
        self,
        root: Path,
        guard: DiskGuard,
        say: Callable[[str], object],
        warn: Callable[[str], object],
        buffer: int = 256 << 20,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self.counts = Counts()
        self._root, self._guard = root, guard
        # On lines of their own: rclpy takes both for one call, and refuses one call with two severities.
        self._say: Callable[[str], object] = lambda text: say(printable(text))
        self._warn: Callable[[str], object] = lambda text: warn(printable(text))
        self._buffer, self._steady = buffer, steady
        self._writer = EpisodeWriter(root)
        self._images: OrderedDict[int, bytes] = OrderedDict()
        self._gaps = FrameGaps()
        self._held = 0
        self._steps: deque[_Waiting] = deque()
        self._recording: Recording | None = None
        self._first = 0
        self._end: _Waiting | None = None
        self._heard = 0.0

    def keep_leftovers(self) -> None:
        """Make whole episodes of what a logger that was killed has left, as far as there is room; before recording."""
        for folder in sorted(self._root.glob(f"*/*/{PARTIAL}*")):
            if not self._guard.room():
                self._warn(f"no room to repair {folder}: {self._guard}")
                return
            try:
                kept = repair_folder(folder)
            except QtoptError as error:  # whatever it is, the next attempt is recorded
                self._warn(f"an earlier logger left {folder.name}, which cannot be repaired: {error}")
                continue
            if kept:
                self._warn(f"an earlier logger left {folder.name}: {kept.outcome}; {kept.detail}")

    def image(self, data: bytes) -> None:
        """A sensor_msgs/Image has come."""
        if len(data) < 12:
            self._warn(f"an image message of {len(data)} bytes")
            return
        self.counts.images += 1
        stamp = _stamp(data)
        self._gaps.came(stamp / 1e9)
        self.counts.dropped = self._gaps.dropped
        self._held += len(data) - len(self._images.pop(stamp, b""))
        self._images[stamp] = data
        while self._held > self._buffer and len(self._images) > 1:
            self._held -= len(self._images.popitem(last=False)[1])
        self._advance()

    def step(self, data: bytes) -> None:
        """A qtopt_msgs/GraspStep has come."""
        try:
            message = received(STEP, data)
        except InvalidInput as error:
            self._warn(str(error))
            return
        if message.index == 0:
            self._steps.clear()
        self._steps.append(_Waiting(stamp_of(message), data, message.index))
        self._heard = self._steady()
        self._advance()

    def event(self, data: bytes) -> None:
        """A qtopt_msgs/EpisodeEvent has come."""
        try:
            message = received(EVENT, data)
        except InvalidInput as error:
            self._warn(str(error))
            return
        self._heard = self._steady()
        if message.kind == START:
            self._cut("the next attempt began before its end came")
            if self._steps and (self._steps[0].steps != 0 or self._steps[0].stamp < stamp_of(message)):
                self._steps.clear()  # left over from an attempt that was given up
            self._begin(message.episode_id, data)
        elif self._recording and self._recording.episode_id == message.episode_id:
            self._end = _Waiting(stamp_of(message), data, message.steps)
        elif message.kind != END:
            self._warn(f"event {message.kind} of episode {message.episode_id!r} is none that is known")
        self._advance()

    def tick(self) -> None:
        """Give up what has waited for too long."""
        waited = self._steady() - self._heard
        if self._end and waited > PATIENCE:
            missing = "steps" if self._recording and self._recording.steps < self._end.steps else "the last image"
            if self._steps:
                missing = f"the image of step {self._steps[0].steps}"
            self._cut(f"{missing} did not come, or came over {self._buffer >> 20} MiB of images earlier")
        elif self._recording and waited > SILENCE:
            self._cut(f"no step came for {SILENCE:.0f} s: the agent is gone")

    def label(self, episode_id: str, success: bool, author: str) -> None:
        """Correct the outcome of an episode that is on disk. Raises InvalidInput where it is not; or StorageError."""
        if self._recording and self._recording.episode_id == episode_id:
            raise InvalidInput(f"episode {episode_id} is being recorded: label it when it has ended")
        check_episode_id(episode_id)
        found = list(self._root.glob(f"*/*/{episode_id}"))
        if len(found) != 1:
            raise InvalidInput(f"{len(found)} episodes {episode_id!r} below {self._root}, expected 1")
        write_label(found[0], success, author)
        self._say(f"{author} labels {episode_id} a {'success' if success else 'failure'}")

    def close(self) -> None:
        """Keep what an attempt under way has brought so far."""
        self._cut("the logger was stopped")

    def _begin(self, episode_id: str, data: bytes) -> None:
        try:
            if not self._guard.room():
                raise StorageError(str(self._guard))
            self._recording = self._writer.open_raw(data)
        except QtoptError as error:
            self._lose(f"NOT recording episode {episode_id}: {error}", error)

    def _advance(self) -> None:
        """Write whatever is complete."""
        recording = self._recording
        if recording is None:
            return
        try:
            while self._steps and (image := self._find(self._steps[0].stamp)):
                step = self._steps.popleft()
                recording.append_raw(image, step.data)
                self._first = step.stamp if step.steps == 0 else self._first
                self.counts.steps += 1
                self.counts.bytes += len(image) + len(step.data)
            end = self._end
            if end is None or end.steps > recording.steps:
                return
            if end.steps == recording.steps == 0:
                recording.discard()
                self._say(f"episode {recording.episode_id} had no step")
            elif image := self._find(end.stamp):
                recording.close_raw(image, end.data)
                self.counts.episodes += 1
                rate = 1e9 * end.steps / max(end.stamp - self._first, 1)
                self._say(f"recorded episode {recording.episode_id}: {end.steps} steps, {rate:.2f} a second")
            else:
                return
            self._recording = self._end = None
        except QtoptError as error:
            self._recording = self._end = None
            recording.abandon()
            self._lose(
                f"gave up recording episode {recording.episode_id} after {recording.steps} steps: {error}", error
            )

    def _find(self, stamp: int) -> bytes | None:
        near = (data for taken, data in self._images.items() if abs(taken - stamp) <= SAME)
        return self._images.get(stamp) or next(near, None)

    def _lose(self, text: str, error: QtoptError) -> None:
        if isinstance(error, StorageError):
            self._guard.failed()
        self.counts.lost += 1
        self._warn(text)

    def _cut(self, reason: str) -> None:
        """Keep the episode under way, if any, as far as it is known."""
        recording, self._recording, self._end = self._recording, None, None
        if recording is None:
            return
        self.counts.cut += 1
        if recording.steps == 0:
            recording.discard()
            self._warn(f"nothing came of episode {recording.episode_id}: {reason}")
            return
        try:
            kept = repair_folder(recording.abandon())
        except StorageError as error:
            self._lose(f"episode {recording.episode_id} was cut ({reason}) and could not be kept: {error}", error)
            return
        self._warn(f"episode {recording.episode_id} was cut: {reason}; {kept.detail if kept else 'it was whole'}")


def _stamp(image: bytes) -> int:
    """The header's stamp in ns, which follows the four bytes of CDR; most images are never looked at further."""
    seconds, nanoseconds = struct.unpack_from("<iI" if image[1] & 1 else ">iI", image, 4)
    return int(seconds * 10**9 + nanoseconds)
