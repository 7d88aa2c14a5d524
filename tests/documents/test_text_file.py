"""Only an ordinary, small file of UTF-8 is read; anything else is refused by name, at once."""

import os

import pytest

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.documents.text_file import MAX_BYTES, read_text


@pytest.mark.parametrize("data", [b"a: 1\n", b"\xef\xbb\xbfa: 1\r\n", "größe: 1".encode()])
def test_utf8_is_read_with_or_without_a_byte_order_mark(tmp_path, data):
    (tmp_path / "file").write_bytes(data)
    assert read_text(tmp_path / "file") == data.decode("utf-8-sig")


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"a: 1\nb: gr\xf6\xdfe\n", r"file, line 2: byte 0xf6 is not UTF-8 .*Latin-1"),
        ("a: 1".encode("utf-16"), "file is in UTF-16, expected UTF-8"),
        (b"#" * (MAX_BYTES + 1), f"file is longer than the {MAX_BYTES} bytes"),
    ],
)
def test_other_bytes_are_refused_by_what_they_are(tmp_path, data, named):
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(InvalidInput, match=named):
        read_text(tmp_path / "file")


def test_what_is_no_ordinary_file_is_refused_before_anything_is_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for file, kind in ((tmp_path / "pipe", "a pipe or a device"), (tmp_path, "a folder")):
        with pytest.raises(InvalidInput, match=f"is {kind}, expected a file of text"):
            read_text(file)
    with pytest.raises(InvalidInput, match="/dev/zero is a pipe or a device"):
        read_text(type(tmp_path)("/dev/zero"))
    for absent in (tmp_path / "none", tmp_path / ("x" * 300), tmp_path / "a\0b"):
        with pytest.raises(InvalidInput):
            read_text(absent)
