"""Files: from outside ordinary ones, of a bounded size, read once; of our own replaced whole."""

import hashlib
import json
import os
import stat
from pathlib import Path
from typing import Any

from qtopt_agent.core.errors import IncompatibleModel


def read_bytes(file: Path, most: int) -> bytes:
    """What is in `file`. Raises IncompatibleModel where that is no ordinary file or more than `most` bytes."""
    try:
        # Opening a pipe would wait for a writer.
        with open(os.open(file, os.O_RDONLY | os.O_NONBLOCK), "rb") as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise IncompatibleModel(f"{file} is no ordinary file")
            data = stream.read(most + 1)
    except OSError as error:
        raise IncompatibleModel(f"{file}: {error.strerror}") from error
    if len(data) > most:
        raise IncompatibleModel(f"{file} has more than {most} bytes, expected fewer")
    return data


def sha256(data: bytes) -> str:
    """In hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def write_json(file: Path, value: Any) -> None:
    """Put `value` in the place of what is in `file`, by one rename; it is on the disk once this returns."""
    temporary = file.with_name(f".{file.name}-{os.getpid()}")
    with temporary.open("w", encoding="utf-8") as stream:
        json.dump(value, stream, allow_nan=False)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(temporary, file)
