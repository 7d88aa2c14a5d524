"""Starts node processes, shows what they print, and leaves none behind."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, TextIO

from qtopt_agent.documents import yaml_text
from qtopt_agent.standalone.names import absolute
from qtopt_agent.standalone.run import LAUNCHER, SIGNALS

_POLL = 0.05  # s
LAST_WORDS = "error: "  # how the line begins that says what a node has ended of
FAILED = 1  # exit code of a node that something went wrong in
BAD_INPUT = 2  # exit code of a node whose settings make no sense: starting it again would change nothing
RESPAWN_DELAY = 2.0  # s

# Between the signals that ask a process to end, s. The last one cannot be refused.
PATIENCE = ((signal.SIGINT, 5.0), (signal.SIGTERM, 3.0), (signal.SIGKILL, 5.0))


@dataclass(frozen=True)
class NodeDescription:
    """One node of a graph: the module whose `main()` runs it, and its settings."""

    name: str
    module: str
    parameters: dict[str, Any] = field(default_factory=dict)
    remaps: dict[str, str] = field(default_factory=dict)
    namespace: str = ""
    parameter_files: tuple[Path, ...] = ()
    arguments: tuple[str, ...] = ()  # before --ros-args
    respawn: bool = False  # the graph goes on without it when it fails, and it is started again

    @property
    def label(self) -> str:
        """Namespace and name, without a slash before them: by this it is asked for and told."""
        return f"{absolute(self.namespace)}/{self.name}".lstrip("/")

    def ros_arguments(self, parameter_file: Path | None) -> list[str]:
        """What follows the module on the command line."""
        words = [*self.arguments, "--ros-args", "-r", f"__node:={self.name}"]
        words += ["-r", f"__ns:={absolute(self.namespace)}"] if self.namespace else []
        for source, target in self.remaps.items():
            words += ["-r", f"{source}:={target}"]
        for file in (*self.parameter_files, *([parameter_file] if parameter_file else [])):
            words += ["--params-file", str(file)]
        return words


def loopback() -> str:
    """CYCLONEDDS_URI for a graph of up to 100 processes on this machine alone, where no multicast is needed."""
    return (
        "<CycloneDDS><Domain><General><Interfaces><NetworkInterface name='lo'/></Interfaces>"
        "<AllowMulticast>false</AllowMulticast></General><Discovery><ParticipantIndex>auto</ParticipantIndex>"
        "<MaxAutoParticipantIndex>100</MaxAutoParticipantIndex><Peers><Peer address='127.0.0.1'/></Peers>"
        "</Discovery></Domain></CycloneDDS>"
    )


class Processes:
    """A running graph: `with Processes(nodes) as graph: graph.wait()`. All nodes end when one fails that is needed."""

    def __init__(
        self,
        nodes: Sequence[NodeDescription],
        *,
        output: TextIO = sys.stderr,
        environment: dict[str, str] | None = None,
        runner: Sequence[str] = (sys.executable, "-m", "qtopt_agent.standalone.run"),
    ) -> None:
        if len({node.label for node in nodes}) < len(nodes):
            raise ValueError("two nodes of a graph have the same name")
        self._nodes, self._output, self._runner = list(nodes), output, list(runner)
        self._environment = {**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {}), LAUNCHER: str(os.getpid())}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}  # by label
        self._readers: dict[str, threading.Thread] = {}
        self._last_words: dict[str, str] = {}  # what each node says that it has ended of
        self._respawns: dict[str, float] = {}  # when a node is started again, steady time
        self._failed: NodeDescription | None = None  # the first whose end is the graph's
        self._asked_to_stop: int | None = None

    def __enter__(self) -> "Processes":
        self._files = tempfile.TemporaryDirectory(prefix="qtopt_graph_")
        try:
            for node in self._nodes:
                self._start(node)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def pid(self, label: str) -> int:
        """Process id of a node."""
        return self._processes[label].pid

    def ended(self, label: str) -> bool:
        """Whether a node's process has ended."""
        return self._processes[label].poll() is not None

    def wait(self, until: Callable[[], bool] = lambda: False) -> int:
        """Wait until all nodes have ended, one failed, `until()` is true, or Ctrl-C or SIGTERM comes; then stop all.

        While it waits, a node with `respawn` that failed is started again, unless its exit code is BAD_INPUT.
        Returns the exit code of the first other node that failed, which is said last, 128 + number after a signal to
        this process, else 0.
        """
        previous = {number: signal.signal(number, self._ask) for number in SIGNALS}
        try:
            done = False
            while self._asked_to_stop is None and self._failed is None and not done:
                done = until() or (not self._respawns and all(map(self.ended, self._processes)))
                self._failed = next(filter(self._has_failed, self._nodes), None)  # those that `until` saw end, too
                if self._failed is None and not done:
                    time.sleep(_POLL)
        finally:
            failed = self._failed
            self.stop()
            for number, handler in previous.items():
                signal.signal(number, handler)
        if failed is not None:
            return int(self._processes[failed.name].returncode)
        return 128 + self._asked_to_stop if self._asked_to_stop is not None else 0

    def stop(self) -> None:
        """End every node: SIGINT, then SIGTERM, then SIGKILL for those that stay; say at last what failed."""
        for number, patience in PATIENCE:
            running = [process for process in self._processes.values() if process.poll() is None]
            for process in running:
                process.send_signal(number)
            end = time.monotonic() + patience
            while time.monotonic() < end and any(process.poll() is None for process in running):
                time.sleep(0.01)
        for reader in self._readers.values():
            reader.join(timeout=1.0)
        for node in sorted(self._nodes, key=lambda node: node is self._failed):
            if node is self._failed or node.label in self._last_words:
                self._print_end(node)
        self._failed = None
        self._files.cleanup()

    def _has_failed(self, node: NodeDescription) -> bool:
        """Whether a node has, without which the graph does not go on; another one is started again."""
        code, due = self._processes[node.label].poll(), self._respawns.get(node.label)
        if not code:
            return False
        if due is None:
            if not node.respawn or code == BAD_INPUT:
                return True
            self._print_end(node)
            self._print("launch", f"the graph goes on; {node.label} is started again in {RESPAWN_DELAY:.0f} s")
            self._respawns[node.label] = time.monotonic() + RESPAWN_DELAY
        elif time.monotonic() >= due:
            del self._respawns[node.label]
            self._start(node)
        return False

    def _print_end(self, node: NodeDescription) -> None:
        self._readers[node.label].join(timeout=1.0)
        said = self._last_words.pop(node.label, "")
        code = self._processes[node.label].returncode
        self._print("launch", f"{node.label} ended with exit code {code}{said and ': '}{said}")

    def _start(self, node: NodeDescription) -> None:
        file = None
        if node.parameters:
            file = Path(self._files.name) / f"{node.label.replace('/', '.')}.yaml"
            file.write_text(yaml_text({"/**": {"ros__parameters": node.parameters}}))
        # Signals are held back until the node heeds them: they would break Python's own start in the middle.
        held = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            process = subprocess.Popen(
                [*self._runner, node.module, *node.ros_arguments(file)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,  # Ctrl-C reaches the launcher alone, which then ends the nodes in order
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)
        self._processes[node.label] = process
        self._readers[node.label] = threading.Thread(target=self._forward, args=(node.label, process), daemon=True)
        self._readers[node.label].start()

    def _forward(self, name: str, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout
        for raw in process.stdout:
            line = raw.decode(errors="replace").rstrip("\n")
            if line.startswith(LAST_WORDS):
                self._last_words[name] = line.removeprefix(LAST_WORDS)
            else:
                self._print(name, line)

    def _print(self, name: str, line: str) -> None:
        self._output.write(f"[{name}] {line}\n")
        self._output.flush()

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self._asked_to_stop = number
