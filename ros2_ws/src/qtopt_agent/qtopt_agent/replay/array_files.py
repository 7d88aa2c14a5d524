"""Arrays in memory-mapped .npy files, of a type and shape known beforehand."""

import io
import os
from pathlib import Path
from typing import Any

import numpy as np

from qtopt_agent.core.errors import InvalidInput, StorageError

MappedArray = np.memmap[Any, np.dtype[Any]]


def create_array(path: Path, dtype: np.dtype[Any], shape: tuple[int, ...]) -> MappedArray:
    """A new array of zeros that takes its whole space on the disk. Raises StorageError where there is too little."""
    head = _head(dtype, shape)
    with path.open("wb") as file:
        file.write(head)
        file.truncate(_size(head, dtype, shape))
    _reserve(path)
    return np.memmap(path, dtype, "r+", len(head), shape)


def open_array(path: Path, dtype: np.dtype[Any], shape: tuple[int, ...]) -> MappedArray:
    """What `create_array` made, open for writing. Raises InvalidInput where the file is another one, or is missing."""
    head = _head(dtype, shape)
    try:
        with path.open("rb") as file:
            found, size = file.read(len(head)), os.fstat(file.fileno()).st_size
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror}") from error
    if found != head:
        raise InvalidInput(f"{path} does not begin as an array of {dtype} {list(shape)} does: it is damaged")
    if size != _size(head, dtype, shape):
        raise InvalidInput(f"{path} is {size} bytes long, expected {_size(head, dtype, shape)}")
    return np.memmap(path, dtype, "r+", len(head), shape)


def _head(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    file = io.BytesIO()
    descr = np.lib.format.dtype_to_descr(dtype)
    np.lib.format.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": shape})
    return file.getvalue()


def _size(head: bytes, dtype: np.dtype[Any], shape: tuple[int, ...]) -> int:
    return len(head) + dtype.itemsize * int(np.prod(shape))


def _reserve(path: Path) -> None:
    """Claim the blocks of a mapped file now: a disk that fills up later would end the process without a word."""
    if not hasattr(os, "posix_fallocate"):  # macOS
        return
    size = path.stat().st_size
    with path.open("r+b") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            raise StorageError(f"replay store needs {size / 1e9:.1f} GB for {path}: {error.strerror}") from error
