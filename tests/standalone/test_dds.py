"""A peer that stands still does not stop the writer."""

import os
import signal
import subprocess
import sys

import pytest

pytest.importorskip("cyclonedds")

DOMAIN = "101"  # the contract suite takes 1 to 99
READER = """
import time
from qtopt_agent.standalone.dds import Participant
from qtopt_agent.standalone.processes import loopback
from cyclonedds.qos import Policy, Qos
participant = Participant({domain}, lambda: None)
qos = Qos(Policy.Reliability.Reliable(0), Policy.History.KeepLast(5))
{role}
"""
READS = "reader = participant.reader('rt/x', 'sensor_msgs/msg/Image', qos, 5)\nprint('up', flush=True)\ntime.sleep(600)"
WRITES = """
import os, signal
from qtopt_agent.standalone.dds import MAX_BLOCKING
qos += Qos(Policy.Reliability.Reliable(MAX_BLOCKING))
writer = participant.writer('rt/x', 'sensor_msgs/msg/Image', qos)
while not writer.entity.get_matched_subscriptions():
    time.sleep(0.01)
os.kill({reader}, signal.SIGSTOP)
longest = 0.0
for _ in range(30):
    start = time.monotonic()
    writer.write(bytes.fromhex('00010000') + bytes(921_600))
    longest = max(longest, time.monotonic() - start)
print(longest)
"""


def program(role: str) -> "subprocess.Popen[str]":
    from qtopt_agent.standalone.processes import loopback

    code = READER.format(domain=DOMAIN, role=role)
    environment = os.environ | {"CYCLONEDDS_URI": loopback()}
    return subprocess.Popen([sys.executable, "-c", code], env=environment, text=True, stdout=subprocess.PIPE)


def test_a_reliable_reader_that_stands_still_does_not_hold_up_the_writer() -> None:
    reader = program(READS)
    try:
        assert reader.stdout and reader.stdout.readline() == "up\n"
        output, _ = program(WRITES.format(reader=reader.pid)).communicate(timeout=60)
        assert float(output) < 2.0  # it is given up 10 s after its last sign of life
    finally:
        reader.send_signal(signal.SIGCONT)
        reader.kill()
        reader.communicate()
