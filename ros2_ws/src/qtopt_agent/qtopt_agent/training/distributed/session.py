"""Ray for the time of a run: one of its own on this machine, or one that is there."""

import logging
import math
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from qtopt_agent.core.errors import InvalidInput, QtoptError
from qtopt_agent.processes.cores import usable_cores

LOCAL = "local"
ATTEMPTS = 3  # its own processes have 30 s, which is little on a busy machine

_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # else it tells its makers about each use
    "RAY_ROTATION_MAX_BYTES": str(10 << 20),  # of a log; else 512 MB
    "RAY_ROTATION_BACKUP_COUNT": "1",
}
_OWN = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # the only way to 127.0.0.1, on Linux as well
    "RAY_agent_register_timeout_ms": "300000",  # its own processes take long to start on a busy machine
    "RAY_AUTH_MODE": "token",
}


class RingFailed(QtoptError):
    """An actor, or Ray itself, has failed for good."""


@contextmanager
def ray_session(address: str, cpus: float) -> Iterator[None]:
    """Ray at `address`, for actors that ask for `cpus` cores together.

    LOCAL: a Ray that hears 127.0.0.1 alone, asks for a token that only this process and its children know, and ends
    here with its folder. It is told of as many cores as are asked for: it is the user who says how many actors share
    this machine. Raises InvalidInput where Ray is not installed, or there is none at `address`, or it has fewer cores;
    RingFailed where it does not start.
    """
    # Ray reads its environment when it is imported. With a token there, it writes none into the home folder.
    token = {"RAY_AUTH_TOKEN": secrets.token_hex(32)}
    for name, value in (_QUIET | _OWN | token if address == LOCAL else _QUIET).items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as error:
        raise InvalidInput("--ray needs Ray, which is not installed: pip install 'qtopt_agent[ray]'") from error

    folder = tempfile.mkdtemp(prefix="qtopt-ray-") if address == LOCAL else ""
    try:
        if address == LOCAL:
            _start(folder, cpus)
        else:
            _connect(address, cpus)
        yield
    finally:
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


def _start(folder: str, cpus: float) -> None:
    import ray

    for attempt in range(1, ATTEMPTS + 1):
        try:
            ray.init(
                LOCAL,
                num_cpus=max(usable_cores(), math.ceil(cpus)),
                include_dashboard=False,
                logging_level=logging.ERROR,
                _temp_dir=folder,
            )
            return
        except Exception as error:  # Ray has no narrower one for this
            ray.shutdown()
            if "timed out during startup" not in str(error) or attempt == ATTEMPTS:
                raise RingFailed(f"Ray did not start, tried {attempt} times: {error}") from error
            print(f"Ray did not start in time; trying again, {attempt} of {ATTEMPTS} times", file=sys.stderr)


def _connect(address: str, cpus: float) -> None:
    import ray

    try:
        ray.init(address, logging_level=logging.ERROR)
    except (ConnectionError, ValueError) as error:
        raise InvalidInput(f"there is no Ray at {address}: {error}") from error
    if (there := ray.cluster_resources().get("CPU", 0)) < cpus:
        raise InvalidInput(f"Ray at {address} has {there:g} cores, expected {cpus:g} for these actors")
