"""What is read of messages that are not what they should be: the right value, or our error."""

import random
import struct

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.nodes.conversions import header_frame, header_stamp

INPUTS = 500


def check_a_stamp_is_read_from_either_byte_order():
    for flag, order in ((1, "<"), (0, ">")):
        assert header_stamp(bytes([0, flag, 0, 0]) + struct.pack(f"{order}iI", -5, 250_000_000)) == -4.75


def check_a_frame_is_read_from_either_byte_order_and_is_text_or_none():
    for flag, order in ((1, "<"), (0, ">")):
        head = bytes([0, flag, 0, 0]) + struct.pack(f"{order}iII", 5, 0, 7)
        assert header_frame(head + b"/wrist\0" + bytes(40)) == "wrist"
        assert header_frame(head[:12] + struct.pack(f"{order}I", 1) + bytes(40)) == ""
        for text in (b"wr", b"wr\xffst\0"):
            try:
                found = header_frame(head + text)
            except InvalidInput:
                continue
            raise AssertionError(found)


def check_bytes_that_hold_no_stamp_are_refused():
    whole, draw = bytes([0, 1, 0, 0]) + struct.pack("<iI", 7, 10**9 - 1) + bytes(40), random.Random(0)
    for length in range(12):
        refused(whole[:length])
    refused(whole[:8] + struct.pack("<I", 10**9))
    for _ in range(INPUTS):
        data = bytearray(whole)
        data[draw.randrange(16)] = draw.randrange(256)
        try:
            assert abs(header_stamp(bytes(data))) <= 2**31
        except InvalidInput:
            assert data[0] or data[1] > 1 or data[8:12] > b""


def refused(data):
    try:
        header_stamp(data)
    except InvalidInput:
        return
    raise AssertionError(data)
