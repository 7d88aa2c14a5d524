"""A peer that stands still does not stop the writer; threads do not disturb each other."""

import os
import signal
import subprocess
import sys
from pathlib import Path

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


MANY_ASK = """
import sys, threading
import qtopt_agent.standalone.hooks as hooks
hooks.install()
import rclpy
from std_srvs.srv import Trigger
rclpy.init()
node = rclpy.create_node("asked")
service = node.create_service(Trigger, "x", lambda request, response: response)
client = node.create_client(Trigger, "x")
assert client.wait_for_service(30.0)
wrong = []
(writer,) = service._requests.entity.get_matched_publications()
sys.setswitchinterval(1e-5)
def ask():
    wrong.extend(1 for _ in range(1000) if not service._client_listens(writer))
threads = [threading.Thread(target=ask) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(wrong))
"""


def test_threads_that_look_at_the_settings_of_endpoints_at_once_do_not_disturb_each_other() -> None:
    from qtopt_agent.standalone import processes

    package = str(Path(processes.__file__).parents[2])  # and not ROS 2's own folders, where it is sourced
    environment = os.environ | {"CYCLONEDDS_URI": processes.loopback(), "ROS_DOMAIN_ID": DOMAIN, "PYTHONPATH": package}
    done = subprocess.run(
        [sys.executable, "-c", MANY_ASK], env=environment, text=True, capture_output=True, timeout=120
    )
    assert done.stdout == "0\n", done.stdout + done.stderr
