"""q.safetensors: read only where its header names exactly the tensors that a Q-function has."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from qtopt_agent.core.errors import IncompatibleModel, InvalidInput
from qtopt_agent.documents import parse_json

MAX_HEADER = 64 * 1024
_DTYPES = {torch.float32: "F32", torch.int64: "I64"}


def most_bytes(wanted: Mapping[str, Tensor]) -> int:
    """No file that holds the tensors `wanted` is longer, bytes."""
    return 8 + MAX_HEADER + sum(tensor.nbytes for tensor in wanted.values())


def parse_weights(data: bytes, wanted: Mapping[str, Tensor], file: Path) -> dict[str, Tensor]:
    """The tensors in `data`, which was read from `file`: names, shapes and kinds of number are those of `wanted`.

    Raises IncompatibleModel, naming the tensor that is missing, unknown, of another shape or kind, or not finite.
    """
    found = _header(data, file)
    for name, tensor in wanted.items():
        if name not in found:
            raise IncompatibleModel(f"{file} has no tensor {name}")
        entry: Any = found[name] if isinstance(found[name], dict) else {}
        shape, dtype = list(tensor.shape), _DTYPES[tensor.dtype]
        if (entry.get("dtype"), entry.get("shape")) != (dtype, shape):
            said = f"{entry.get('dtype')!r:.20} {entry.get('shape')!r:.80}"
            raise IncompatibleModel(f"{file}: tensor {name} is {said}, expected {dtype!r} {shape}")
    if unknown := sorted(found.keys() - wanted.keys()):
        raise IncompatibleModel(f"{file}: tensor {unknown[0]!r:.100} is not one of this network's")
    try:
        tensors = load(data)
    except SafetensorError as error:
        raise IncompatibleModel(f"{file} is no safetensors file: {error}") from error
    for name, tensor in tensors.items():
        if not bool(torch.isfinite(tensor).all()):
            raise IncompatibleModel(f"{file}: tensor {name} has values that are not finite")
    return tensors


def _header(data: bytes, file: Path) -> dict[str, object]:
    """What the file says of each tensor; each name once, which the library does not insist on."""
    length = int.from_bytes(data[:8], "little") if len(data) >= 8 else math.inf
    if length > MAX_HEADER or 8 + length > len(data):
        raise IncompatibleModel(f"{file} is no safetensors file: its header is {length} of {len(data)} bytes")
    try:
        header = parse_json(data[8 : 8 + int(length)].decode("utf-8"), f"{file}, header")
    except (UnicodeDecodeError, InvalidInput) as error:
        raise IncompatibleModel(f"{file} is no safetensors file: {error}") from error
    if not isinstance(header, dict):
        raise IncompatibleModel(f"{file} is no safetensors file: its header is no object")
    header.pop("__metadata__", None)
    return header
