"""Node processes for the checks in this folder, and what they say of themselves."""

import io
import os
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from harness import Spinning

from qtopt_agent.standalone.processes import NodeDescription, Processes

RUNNER = tuple(os.environ["QTOPT_TEST_RUNNER"].split("\n"))
LONG = 60.0  # s: whatever a busy machine does, it is done by then


@contextmanager
def started(nodes):
    """Start the described node processes; yields the graph, whose `said` holds what they print."""
    said = io.StringIO()
    with Processes(nodes, output=said, runner=RUNNER) as graph:
        graph.said = said.getvalue
        try:
            yield graph
        except BaseException:
            print(said.getvalue(), file=sys.stderr)
            raise


def running(*nodes):
    """`started`, from (name, parameters) of each node."""
    return started([NodeDescription(name, f"qtopt_agent.nodes.{name}", parameters) for name, parameters in nodes])


class Diagnosed:
    """Newest diagnostics of each node, and the statuses themselves."""

    def __init__(self, node):
        self.by_name, self.statuses = {}, {}
        node.create_subscription(DiagnosticArray, "/diagnostics", self._on, 50)

    def _on(self, message):
        for status in message.status:
            node = status.name.partition(": ")[0]
            self.statuses[node] = status
            self.by_name[node] = (status.level[0], status.message, {v.key: v.value for v in status.values})

    def level(self, name):
        return self.by_name[name][0] if name in self.by_name else None


def until(condition, what, limit=LONG):
    """Wait until `condition()` holds and return it."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {limit} s")


@contextmanager
def folder():
    """A folder that is gone afterwards."""
    import tempfile

    with tempfile.TemporaryDirectory() as path:
        yield Path(path)


__all__ = ["Diagnosed", "Spinning", "folder", "np", "running", "started", "until"]
