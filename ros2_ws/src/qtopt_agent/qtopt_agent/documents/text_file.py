"""The text of a file from outside: an ordinary file of a bounded size, in UTF-8."""

import codecs
import stat
from pathlib import Path

from qtopt_agent.core.errors import InvalidInput

MAX_BYTES = 256 * 1024


def read_text(file: Path) -> str:
    """The text of `file`, at most MAX_BYTES of UTF-8, with or without a byte order mark."""
    if "\0" in str(file):
        raise InvalidInput(f"file name {str(file)!r}, expected no NUL")
    try:
        if not stat.S_ISREG(file.stat().st_mode):  # a pipe would be waited for, a device might never end
            kind = "a folder" if file.is_dir() else "a pipe or a device"
            raise InvalidInput(f"{file} is {kind}, expected a file of text")
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise InvalidInput(f"{file}: {error.strerror}") from error
    if len(data) > MAX_BYTES:
        raise InvalidInput(f"{file} is longer than the {MAX_BYTES} bytes that are read, expected a small file of text")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise InvalidInput(f"{file} is in UTF-16, expected UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidInput(
            f"{file}, line {line}: byte 0x{data[error.start]:02x} is not UTF-8 (is it Latin-1?), expected UTF-8"
        ) from error
