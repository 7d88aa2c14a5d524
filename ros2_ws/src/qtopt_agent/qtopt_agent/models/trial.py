"""A new model is tried in a process of its own: whatever happens there, the one that tries it goes on."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from qtopt_agent.core.errors import IncompatibleModel, QtoptError
from qtopt_agent.core.printable import printable
from qtopt_agent.core.profile import Profile
from qtopt_agent.models.signatures import TrustedKeys

MEMORY = 2 * 1024**3  # bytes, beside what the libraries take
MAX_WORDS = 10_000  # bytes that are read of what a trial says
REFUSED = 2


class TrialAbandoned(QtoptError):
    """A trial was ended before it was done, as it was asked to."""


@dataclass(frozen=True)
class Trial:
    """Loads a model and lets it decide once. limit: on its time, s. program: what does it."""

    limit: float = 60.0
    program: tuple[str, ...] = (sys.executable, "-P", "-m", "qtopt_agent.models.trial")

    def run(
        self,
        folder: Path,
        profile: Profile,
        trusted: TrustedKeys | None = None,
        abandoned: Callable[[], bool] = lambda: False,
    ) -> None:
        """Try the model in `folder` for `profile`, signed by one of the keys `trusted` if there are any.

        Raises IncompatibleModel, saying what has happened, and TrialAbandoned soon after `abandoned()` becomes true.
        """
        order = json.dumps([str(folder.absolute()), profile.name, profile.cell.grouped(), trusted, self.limit])
        try:
            child = subprocess.Popen(
                [*self.program, order],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the one that tries
            )
        except OSError as error:  # no memory, too many processes
            raise IncompatibleModel(f"{folder}: its trial cannot begin: {error.strerror}") from error
        with child:
            try:
                _wait(child, folder, time.monotonic() + self.limit, abandoned)
            finally:
                child.kill()
            assert child.stdout is not None
            words = printable(child.stdout.read(MAX_WORDS).decode(errors="replace"))
            code = child.wait()
        if code == REFUSED:
            raise IncompatibleModel(words)
        if code < 0:
            raise IncompatibleModel(f"{folder}: its trial was ended by signal {-code} ({signal.strsignal(-code)})")
        if code > 0:
            raise IncompatibleModel(f"{folder}: its trial failed with exit code {code}: {words[-500:]}")


def bound(limit: float) -> None:
    """Keep this process from taking much more memory than it has now, and from living on without its parent."""
    signal.alarm(int(limit) + 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def main() -> int:
    """The trial itself, in its own process. Returns the exit code."""
    import torch

    from qtopt_agent.cells.cell_file import make_cell
    from qtopt_agent.core.profile import get_profile
    from qtopt_agent.models.folder import load

    folder, profile, cell, trusted, limit = json.loads(sys.argv[1])
    os.nice(10)  # an arm may be moving meanwhile
    torch.set_num_threads(1)
    bound(limit)
    try:
        load(Path(folder), replace(get_profile(profile), cell=make_cell(cell, "cell")), trusted)
    except QtoptError as error:
        print(error)
        return REFUSED
    return 0


def _wait(child: "subprocess.Popen[bytes]", folder: Path, end: float, abandoned: Callable[[], bool]) -> None:
    while child.poll() is None:
        if abandoned():
            raise TrialAbandoned(f"{folder}: its trial was given up")
        if time.monotonic() > end:
            raise IncompatibleModel(f"{folder}: its trial took too long and was ended")
        time.sleep(0.02)


if __name__ == "__main__":
    sys.exit(main())
