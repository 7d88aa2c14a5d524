"""How large a store is to be: frames and bytes, from what was asked for and what the disk has."""

import shutil
from dataclasses import replace
from pathlib import Path

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.documents import read_json
from qtopt_agent.replay.spec import HEADER, StoreSpec

GB = 10**9
SHARE, MOST = 0.5, 100 * GB
"""Of the disk's free space, unless something is asked for; bytes."""
LARGE = 100_000
"""Bytes of a frame from which on frames are packed: 182x182 px."""
RECKONED, SHORTEST = 8, 128
"""A packed frame is reckoned with this part of its bytes; none is expected to be shorter than that part."""
MOST_FRAMES = 10**7


def with_room(folder: Path, spec: StoreSpec, capacity: int, gigabytes: float, steps: int, new: bool) -> StoreSpec:
    """`spec` with room for `capacity` frames in `gigabytes` of the disk that `folder` lies, or is to lie, on.

    Either may be 0. Without capacity there are as many frames as the gigabytes hold; without gigabytes, as many of them
    as the frames take, packed ones reckoned with an eighth of their bytes; without both, half of what is free, 100 GB
    at most, and a store that is there already, not `new`, stays as large as it is. `steps`: of the longest episode.
    Raises InvalidInput, naming the numbers, where that is more than is free, or too little for one episode.
    """
    if not new and not capacity and not gigabytes:
        return _as_it_is(folder, spec)
    raw = spec.image_bytes
    packed = raw >= LARGE
    row = replace(spec, frame_bytes=packed).row_bytes
    free = _free(folder)
    if gigabytes or not capacity:
        room = int(gigabytes * GB) or min(int(SHARE * free), MOST)
        fit = room // (row + raw // SHORTEST if packed else row)
        frames = min(capacity or MOST_FRAMES, fit, MOST_FRAMES)
    else:
        room, frames = capacity * (row + raw // RECKONED if packed else row), capacity
    if new and room > free:
        asked = f"replay.gigabytes is {gigabytes}" if gigabytes else f"replay.capacity is {capacity} frames"
        raise InvalidInput(
            f"setting {asked}, which take {room / GB:.1f} GB, and the disk of {folder} has {free / GB:.1f} GB free: "
            f"expected at most replay.gigabytes={free / GB:.1f}, or 0 for both to take half of it"
        )
    frame_bytes = room - frames * row if packed else 0
    if frames <= steps or (packed and frame_bytes < (steps + 1) * raw):
        raise InvalidInput(
            f"the replay store would have {room / GB:.3f} GB for {frames} frames (settings replay.gigabytes and "
            f"replay.capacity): expected room for an episode of {steps} steps, {(steps + 1) * (row + raw) / GB:.3f} GB"
        )
    return replace(spec, capacity=frames, frame_bytes=frame_bytes)


def _as_it_is(folder: Path, spec: StoreSpec) -> StoreSpec:
    found = read_json(folder / HEADER)
    said = found if isinstance(found, dict) else {}
    capacity, frame_bytes = said.get("capacity"), said.get("frame_bytes", 0)
    if type(capacity) is not int or type(frame_bytes) is not int or not (0 < capacity <= 10**9 and frame_bytes >= 0):
        raise InvalidInput(
            f"{folder / HEADER} says that capacity is {capacity!r} and frame_bytes {frame_bytes!r}, expected numbers"
        )
    return replace(spec, capacity=capacity, frame_bytes=frame_bytes)


def _free(folder: Path) -> int:
    """Bytes that a store in `folder` may take: what is free, and what an older one there gives back."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    old = sum(file.stat().st_blocks * 512 for file in folder.glob("*") if file.is_file())
    return shutil.disk_usage(there).free + old
