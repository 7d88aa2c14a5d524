"""Runs one node file where ROS 2 is not installed: `python -m qtopt_agent.standalone.run MODULE [--ros-args ...]`.

MODULE is imported and its `main()` called. `qtopt launch` starts nodes through this; it does not replace `ros2 run`.
"""

import importlib
import os
import signal
import sys
import threading
import time

from qtopt_agent.runtime.memory import keep_freed_memory

LAUNCHER = "QTOPT_LAUNCHER"  # environment variable: id of the process without which the node shall not live
_POLL, _GRACE = 0.2, 8.0  # s


def main() -> int:
    """Run the module named first on the command line; its own arguments follow. Returns the exit code."""
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    if LAUNCHER in os.environ:
        launcher = int(os.environ[LAUNCHER])
        threading.Thread(target=_end_with, args=(launcher,), name="launcher", daemon=True).start()
    keep_freed_memory()  # a camera image is received six times faster
    from qtopt_agent.standalone.hooks import install  # after that thread: this takes a third of a second

    install()
    module = sys.argv.pop(1)
    sys.argv[0] = module
    return importlib.import_module(module).main() or 0


def _end_with(launcher: int) -> None:
    """Once the launcher is gone, even by SIGKILL: stop as on Ctrl-C there, with time to bring an arm to rest."""
    while os.getppid() == launcher:
        time.sleep(_POLL)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
