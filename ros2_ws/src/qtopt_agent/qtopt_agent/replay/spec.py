"""What a replay store holds, and the file beside it that says so."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.profile import Profile
from qtopt_agent.documents import read_json

FORMAT = 3
HEADER = "store.json"
OFF_POLICY, ON_POLICY, PERSON, RECORDED = 0, 1, 2, 3
"""Sources of a transition: a run's own simulation, by a script or by the network that learns; an action that a person
chose; and the first of the folders of recorded episodes, RECORDED + 1 the second."""

MOST_FOLDERS = 13
SOURCES = RECORDED + MOST_FOLDERS


@dataclass(frozen=True)
class StoreSpec:
    """What a store holds. `capacity` counts frames: an episode of T transitions takes T + 1.

    mask_size: parts along each side of an image of which it knows how much shows objects; 0 where it does not.
    frame_bytes: room for packed frames, of which it then forgets the oldest as well where that is full; 0 where each is
    kept as it is.
    """

    capacity: int
    image_size: tuple[int, int]
    state_size: int
    action_size: int
    privileged_size: int
    discount: float
    mask_size: int = 0
    frame_bytes: int = 0

    @staticmethod
    def of(profile: Profile, capacity: int, privileged_size: int = 0, mask_size: int = 0) -> "StoreSpec":
        """Room for a profile's transitions, and for what only a simulator knows: so many numbers, masks of a size."""
        observation = profile.observation
        return StoreSpec(
            capacity,
            observation.image_size,
            observation.state_size,
            profile.action_space.size,
            privileged_size,
            profile.discount,
            mask_size,
        )

    @property
    def image_bytes(self) -> int:
        """Of one frame as it is."""
        return int(np.prod(self.image_size)) * 3

    @property
    def row_bytes(self) -> int:
        """What one row takes in all files together; packed frames come on top."""
        return sum(np.dtype(dtype).itemsize * int(np.prod(shape)) for dtype, shape in self.files().values())

    def files(self) -> dict[str, tuple[Any, tuple[int, ...]]]:
        """Type and shape of one row of each file: a column, or where its packed frame lies and how long it is."""
        columns = self.columns()
        if self.frame_bytes:
            del columns["image"]
            columns |= {"frame_at": (np.int64, ()), "frame_length": (np.int32, ())}
        return columns

    def columns(self) -> dict[str, tuple[Any, tuple[int, ...]]]:
        """Type and shape of one row of each column."""
        masks = {"mask": (np.uint8, (self.mask_size, self.mask_size))} if self.mask_size else {}
        return masks | {
            "image": (np.uint8, (*self.image_size, 3)),
            "state": (np.float32, (self.state_size,)),
            "privileged": (np.float32, (self.privileged_size,)),
            "action": (np.float32, (self.action_size,)),
            "reward": (np.float32, ()),
            "terminal": (np.float32, ()),
            "log_density": (np.float32, ()),
            "mc_return": (np.float32, ()),
            "success": (np.bool_, ()),
            "source": (np.uint8, ()),
            "remaining": (np.int32, ()),  # steps from here to the episode's final observation
            "episode": (np.int64, ()),
            "checksum": (np.uint64, ()),  # of the whole episode, in each of its rows
        }


def write_header(folder: Path, spec: StoreSpec) -> None:
    """Say in `folder` what its store holds, by one rename."""
    temporary = (folder / HEADER).with_suffix(".tmp")
    temporary.write_text(json.dumps(_header(spec), indent=1))
    os.replace(temporary, folder / HEADER)


def check_header(folder: Path, spec: StoreSpec) -> None:
    """Raises InvalidInput, naming what differs, unless `folder` has a store of this format that holds `spec`."""
    path = folder / HEADER
    found, wanted = read_json(path), _header(spec)
    if not isinstance(found, dict):
        raise InvalidInput(f"{path} holds a {type(found).__name__}, expected a dictionary")
    if found.get("format") != FORMAT:
        raise InvalidInput(
            f"replay store {folder} has format {found.get('format')!r}, expected {FORMAT}: another version of "
            "this software made it; start a new run"
        )
    for name in found.keys() | wanted.keys():
        if found.get(name) != wanted.get(name):
            raise InvalidInput(f"replay store {folder}: {name} is {found.get(name)!r}, expected {wanted.get(name)!r}")


def _header(spec: StoreSpec) -> dict[str, Any]:
    # Stores without masks or packed frames are as they were before there were any.
    said = {"format": FORMAT, **asdict(spec), "image_size": list(spec.image_size)}
    return {name: value for name, value in said.items() if value or name not in ("mask_size", "frame_bytes")}
