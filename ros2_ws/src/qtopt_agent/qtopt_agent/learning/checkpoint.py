"""Files of weights and of whole runs: complete or absent, and read without executing anything from them."""

import hashlib
import io
import os
import pickle
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from qtopt_agent.core.errors import IncompatibleModel

_MARK = b"\nqtopt sha256 "
# What torch.load raises on data that somebody has made up, hash and all.
_UNREADABLE = (RuntimeError, EOFError, ValueError, LookupError, TypeError, AttributeError, pickle.UnpicklingError)


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write tensors and plain values to `path`, their SHA-256 at the end, by atomic rename, through to the disk."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    data = buffer.getbuffer()
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        file.write(data)
        file.write(_MARK + hashlib.sha256(data).digest())  # torch.load overlooks what follows its archive
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Inverse of `save_checkpoint`. Raises IncompatibleModel where the file is missing, damaged or holds code."""
    try:
        data = memoryview(path.read_bytes())
    except OSError as error:
        raise IncompatibleModel(f"checkpoint {path} cannot be read: {error}") from error
    end = len(data) - len(_MARK) - hashlib.sha256().digest_size
    if end < 0 or data[end : end + len(_MARK)] != _MARK:
        raise IncompatibleModel(
            f"checkpoint {path} does not end with its SHA-256: it is damaged, or an older version of this software "
            "made it; start a new run"
        )
    if (found := hashlib.sha256(data[:end]).digest()) != data[end + len(_MARK) :]:
        raise IncompatibleModel(
            f"checkpoint {path} is damaged: its SHA-256 is {found.hex()}, expected {data[end + len(_MARK) :].hex()}"
        )
    try:
        state = torch.load(io.BytesIO(data[:end]), weights_only=True, map_location="cpu")
    except _UNREADABLE as error:
        raise IncompatibleModel(f"checkpoint {path} cannot be read: {error}") from error
    if not isinstance(state, dict):
        raise IncompatibleModel(f"checkpoint {path} holds a {type(state).__name__}, expected a dictionary")
    return state


def save_weights(path: Path, network: nn.Module) -> None:
    """Publish a network's weights and buffers to `path` (safetensors) by atomic rename."""
    temporary = path.with_suffix(".tmp")
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, temporary)
    os.replace(temporary, path)


def load_weights(path: Path, network: nn.Module) -> None:
    """Load what `save_weights` wrote. Raises IncompatibleModel where it does not fit `network`."""
    try:
        network.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise IncompatibleModel(f"weights {path} do not fit: {error}") from error
