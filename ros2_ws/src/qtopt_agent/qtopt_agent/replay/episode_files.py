"""Whole episodes in memory-mapped files, checked when they are opened again."""

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.replay.array_files import create_array, open_array
from qtopt_agent.replay.packed_frames import PackedFrames
from qtopt_agent.replay.spec import HEADER, StoreSpec, check_header, write_header

_LOW = 0xFFFFFFFF


class EpisodeFiles:
    """The columns of `spec`, a file each, and which episodes in them count. Packed frames lie in a file of bytes.

    `held.npy` says which: from the number of the oldest to below that of the next. An episode is dropped there before
    it is overwritten, and counts there after it is written, so a process killed at any moment leaves whole episodes
    only. Each has a checksum, written with it and compared when the files are opened, about 2 s a GB.
    """

    def __init__(self, folder: Path, spec: StoreSpec, new: bool | None = None) -> None:
        """Open or create them, see TransitionStore."""
        self._folder, self._spec = folder, spec
        new = not (folder / HEADER).exists() if new is None else new
        if not new:
            check_header(folder, spec)
        folder.mkdir(parents=True, exist_ok=True)
        self._mapped: list[np.memmap[Any, Any]] = []
        self.columns = {
            name: self._column(name, dtype, (spec.capacity, *shape), new)
            for name, (dtype, shape) in spec.files().items()
        }
        self.packed: PackedFrames | None = None
        if spec.frame_bytes:
            data = self._column("frames", np.uint8, (spec.frame_bytes,), new)
            at, length = self.columns["frame_at"], self.columns["frame_length"]
            self.packed = PackedFrames(data, at, length, spec.image_size)
        self._held = self._column("held", np.uint64, (2,), new)
        if new:
            self.columns["episode"][:] = -1
            self._held[:] = guarded(0)
            self.flush()
            write_header(folder, spec)
        self._check_held()

    @property
    def following(self) -> int:
        """The number of the next episode: so many have ever been written."""
        return int(self._held[1]) & _LOW

    def write(self, first: int, rows: dict[str, NDArray[Any]], frames: Sequence[bytes] = (), start: int = 0) -> None:
        """The next episode, from row `first` on; its `frames`, where they are packed, from byte `start` on.

        It counts once it is written.
        """
        place, number = slice(first, first + len(rows["remaining"])), self.following
        if self.packed is not None:
            rows = rows | self.packed.write(start, frames)
        for name, values in rows.items():
            self.columns[name][place] = values
        self.columns["episode"][place] = number
        self.columns["checksum"][place] = self._checksum(place)
        self._held[1] = guarded(number + 1)  # the commit: one aligned store, after everything else

    def forget(self, place: slice, oldest: int) -> None:
        """The episode in `place`, and all before number `oldest`, count no longer."""
        self._held[0] = guarded(oldest)
        self.columns["episode"][place] = -1

    def recover(self) -> tuple[list[int], list[int]]:
        """First rows of the episodes that count, oldest first, and numbers of those that do not match their checksum.

        Forgets what a kill left of others.
        """
        number, checksum = self.columns["episode"], self.columns["checksum"]
        oldest, following = (int(value) & _LOW for value in self._held)
        if (forgotten := (number != -1) & ((number < oldest) | (number >= following))).any():
            number[forgotten] = -1
        rows = np.flatnonzero(number >= 0)
        found, where, counts = np.unique(number[rows], return_index=True, return_counts=True)
        places = {
            int(n): slice(int(first), int(first + count))
            for n, first, count in zip(found, rows[where], counts, strict=True)
        }
        whole, damaged = [], []
        for n in range(oldest, following):
            place = places.get(n)
            if place is not None and (checksum[place] == self._checksum(place)).all():
                whole.append(place.start)
            else:
                damaged.append(n)
        return whole, damaged

    def flush(self) -> None:
        """Write everything to disk, last of all which episodes count."""
        for mapped in self._mapped:
            mapped.flush()

    def _column(self, name: str, dtype: Any, shape: tuple[int, ...], new: bool) -> NDArray[Any]:
        if 0 in shape:  # a part that the profile lacks; zero bytes cannot be mapped
            return np.zeros(shape, dtype)
        mapped = (create_array if new else open_array)(self._folder / f"{name}.npy", np.dtype(dtype), shape)
        self._mapped.append(mapped)
        return np.asarray(mapped)

    def _check_held(self) -> None:
        oldest, following = (int(value) & _LOW for value in self._held)
        if self._held.tolist() != [guarded(oldest), guarded(following)] or not (
            oldest <= following <= oldest + self._spec.capacity
        ):
            raise InvalidInput(
                f"{self._folder / 'held.npy'} is damaged: it holds {self._held.tolist()}; start a new run"
            )

    def _checksum(self, place: slice) -> int:
        """Of all columns in `place` but this one, and of the packed frames."""
        digest = blake2b(digest_size=8)
        for name, values in self.columns.items():
            if name != "checksum":
                digest.update(values[place].data)
        if self.packed is not None and (span := self.packed.span(place)) is not None:
            digest.update(self.packed.bytes_of(span))
        return int.from_bytes(digest.digest(), "little")


def guarded(count: int) -> int:
    """`count`, 0 to 2^32 - 1, with its complement above it: a damaged one gives itself away, yet fits one store."""
    return count | (~count & _LOW) << 32
