"""Models that have learned nothing, good enough to see whether they are loaded."""

import os
import shutil
import threading
from pathlib import Path

MODELS = Path(os.environ["QTOPT_TEST_MODELS"])  # one program after another finds there what was made before
_making = threading.Lock()


def made(version):
    """A model's folder. Making one takes a while, and an arm in this process is silent meanwhile."""
    with _making:
        if not (MODELS / version).exists():
            _make(version)
    return MODELS / version


def _make(version):
    import torch  # takes seconds of those that find it made

    from qtopt_agent.core.profile import COMPACT
    from qtopt_agent.maximizers import CEM
    from qtopt_agent.models.publish import publish
    from qtopt_agent.q_functions import make_q_function

    torch.set_num_threads(1)
    cem = CEM(COMPACT.action_space, samples=8, elites=2, iterations=1)
    publish(MODELS, version, COMPACT, make_q_function(COMPACT, seed=3), cem, {})


def put(store, version):
    """A model `version` in the folder `store`, by one rename as the store itself does it."""
    store.mkdir(parents=True, exist_ok=True)
    shutil.copytree(made(version), store / f".{version}")
    return (store / f".{version}").rename(store / version)


def put_broken(store, version):
    """A model of which one byte has changed on its way."""
    store.mkdir(parents=True, exist_ok=True)
    shutil.copytree(made(version), store / f".{version}")
    policy = store / f".{version}" / "policy.pt"
    content = bytearray(policy.read_bytes())
    content[len(content) // 2] ^= 1
    policy.write_bytes(content)
    return (store / f".{version}").rename(store / version)
