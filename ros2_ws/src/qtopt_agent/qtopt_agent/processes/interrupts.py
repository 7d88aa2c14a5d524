"""Ctrl-C when it suits us: an exception in the middle of anything may leave locks held and work half done."""

import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing import resource_tracker


@contextmanager
def first_interrupt() -> Iterator[list[int]]:
    """A list that is empty until the first Ctrl-C; the second one raises KeyboardInterrupt. Main thread only."""
    seen: list[int] = []

    def note(number: int, _: object) -> None:
        if seen:
            raise KeyboardInterrupt
        seen.append(number)

    previous = signal.signal(signal.SIGINT, note)
    try:
        yield seen
    finally:
        signal.signal(signal.SIGINT, previous)


@contextmanager
def ctrl_c_held() -> Iterator[None]:
    """Hold SIGINT back in this thread; processes started meanwhile never see it: Ctrl-C is the parent's alone."""
    resource_tracker.ensure_running()  # Python starts it with the first process, and lets SIGINT through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def run_handing_on(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a node by `command` to its end and return its exit code; SIGINT and SIGTERM are handed on to it.

    A supervisor and `kill` send them to this process alone. It starts with them held back, until it heeds them. Main
    thread only.
    """
    numbers = (signal.SIGINT, signal.SIGTERM)
    held = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        node = subprocess.Popen(command, env=environment)
        before = {number: signal.signal(number, lambda number, _: node.send_signal(number)) for number in numbers}
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
    try:
        return node.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
