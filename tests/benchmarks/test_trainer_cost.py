"""What is made of measurements by hand, and that a trainer with all its processes stands still when told."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from benchmarks.trainer_cost import family, processor_time, signalled, summary


def one(p99, beside, cores=0.0):
    return {"beside": beside, "p50": 5.0, "p99": p99, "worst": 2 * p99, "cores": cores, "load": 2.0}


def test_the_ratio_told_is_the_median_over_pairs():
    pairs = [(one(alone, False), one(beside, True, 0.5)) for alone, beside in ((10, 11), (40, 42), (10, 30))]
    told = summary(pairs)
    assert told["p99"]["ratio"] == pytest.approx(1.1) and told["p50"]["ratio"] == 1.0
    assert (told["p99"]["alone"], told["p99"]["beside"]) == (10, 30)
    assert told["p99"]["quartiles"] == pytest.approx([1.075, 2.05])
    assert (told["pairs"], told["cores"], told["load"]) == (3, 0.5, 2.0)


def states(pid):
    return [Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()[0] for each in family(pid)]


def until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_process_stands_still_with_all_that_it_started_and_goes_on():
    works = "sh -c 'while :; do :; done' & wait"  # a child that starts another, as a round starts actors
    with subprocess.Popen(["sh", "-c", works]) as process:
        try:
            until(lambda: len(states(process.pid)) == 2 and processor_time(process.pid) > 0)
            signalled(process.pid, signal.SIGSTOP)
            until(lambda: states(process.pid) == ["T", "T"])
            before = processor_time(process.pid)
            time.sleep(0.3)
            assert processor_time(process.pid) == before
            signalled(process.pid, signal.SIGCONT)
            until(lambda: processor_time(process.pid) > before)
        finally:
            for each in list(family(process.pid)):
                os.kill(each, signal.SIGKILL)
