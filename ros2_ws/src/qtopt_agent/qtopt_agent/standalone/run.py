"""Runs one node file where ROS 2 is not installed: `python -m qtopt_agent.standalone.run MODULE [--ros-args ...]`.

MODULE is imported and its `main()` called. `qtopt launch` starts nodes through this; it does not replace `ros2 run`.
"""

import atexit
import importlib
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

LAUNCHER = "QTOPT_LAUNCHER"  # environment variable: id of the process without which the node shall not live
SIGNALS = (signal.SIGINT, signal.SIGTERM)  # that ask a node to end; a launcher starts it with them held back
_POLL, _GRACE = 0.2, 8.0  # s


class Launcher:
    """The process without which this one shall not live. Between the two may be a prefix, as `xterm -e`."""

    def __init__(self) -> None:
        self._pid = int(os.environ.get(LAUNCHER, os.getppid()))
        try:
            self._ended = os.pidfd_open(self._pid) if hasattr(os, "pidfd_open") else None  # else it is not Linux
        except ProcessLookupError:
            self._pid = 0

    def lives(self) -> bool:
        """Whether it has not ended."""
        if not self._pid or self._ended is None:
            return self._pid == os.getppid()
        return not select.select([self._ended], [], [], 0)[0]


def main() -> int:
    """Run the module named first on the command line; its own arguments follow. Returns the exit code."""
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    if LAUNCHER in os.environ:
        threading.Thread(target=_end_with, args=(Launcher(),), name="launcher", daemon=True).start()
    sys.argv[0] = module = sys.argv.pop(1)
    return start(module, _stand_in)


def start(module: str, prepare: Callable[[], object] = lambda: None) -> int:
    """Call `prepare()`, then `main()` of `module`, and return its exit code, with which the process soon ends."""
    for number in SIGNALS:  # nothing runs yet that would have to end in order, and an import is no place to raise in
        signal.signal(number, lambda number, frame: os._exit(0))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    ended: list[int] = []
    atexit.register(_leave, ended)
    prepare()
    run = importlib.import_module(module).main
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    ended.append(run() or 0)
    return ended[0]


def _stand_in() -> None:
    from qtopt_agent.processes.memory import keep_freed_memory
    from qtopt_agent.standalone.hooks import install  # takes a third of a second

    keep_freed_memory()  # a camera image is received six times faster
    install()


def _leave(ended: list[int]) -> None:
    """Registered first, called last: Python would go on for a second to take torch apart."""
    if ended:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):  # whoever read it may be gone
                stream.flush()
        os._exit(ended[0])


def _end_with(launcher: Launcher) -> None:
    """Once the launcher is gone, even by SIGKILL: stop as on Ctrl-C there, with time to bring an arm to rest."""
    while launcher.lives():
        time.sleep(_POLL)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
