"""The packed frames of whole episodes, one after the other in a file that is used as a ring of bytes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.replay.frame_codec import unpack


class PackedFrames:
    """Gives out the frames of a store's rows as an array of all of them would.

    at: of each row, where in `data` uint8 [bytes] its frame begins. length: how many bytes it has. size: (height,
    width), px.
    """

    def __init__(
        self, data: NDArray[np.uint8], at: NDArray[np.int64], length: NDArray[np.int32], size: tuple[int, int]
    ) -> None:
        self._data, self._at, self._length, self._size = data, at, length, size

    def __getitem__(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The frames uint8 [*rows.shape, H, W, 3]. Raises InvalidInput where one was damaged since it was put in."""
        frames = np.empty((rows.size, *self._size, 3), np.uint8)
        for frame, row in zip(frames, rows.flat, strict=True):
            at = self._at[row]
            frame[:] = unpack(self._data[at : at + self._length[row]].tobytes(), self._size)
        return frames.reshape(*rows.shape, *self._size, 3)

    def write(self, start: int, frames: Sequence[bytes]) -> dict[str, NDArray[Any]]:
        """Put an episode's frames from byte `start` on; returns what its rows say of them, see `StoreSpec.files`."""
        length = np.array([len(frame) for frame in frames], np.int32)
        at = start + np.concatenate([[0], np.cumsum(length, dtype=np.int64)[:-1]])
        self._data[start : start + int(length.sum())] = np.frombuffer(b"".join(frames), np.uint8)
        return {"frame_at": at, "frame_length": length}

    def span(self, place: slice) -> slice | None:
        """The bytes of the episode in rows `place`; None where the rows contradict one another."""
        at, length = self._at[place], self._length[place].astype(np.int64)
        follow = (at[1:] == at[:-1] + length[:-1]).all()
        if not len(at) or at[0] < 0 or (length < 1).any() or not follow or at[-1] + length[-1] > len(self._data):
            return None
        return slice(int(at[0]), int(at[-1] + length[-1]))

    def bytes_of(self, span: slice) -> memoryview:
        """What lies there."""
        return self._data[span].data
