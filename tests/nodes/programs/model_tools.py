"""Models that have learned nothing, good enough to see whether they are loaded."""

import shutil
import tempfile
from functools import cache
from pathlib import Path

from qtopt_agent.core.profile import COMPACT
from qtopt_agent.maximizers import CEM
from qtopt_agent.models.publish import publish
from qtopt_agent.q_functions import make_q_function


@cache
def made(version):
    """A model, in a folder of its own. This takes a while, and an arm in this process is silent meanwhile."""
    import torch

    torch.set_num_threads(1)
    cem = CEM(COMPACT.action_space, samples=8, elites=2, iterations=1)
    return publish(Path(tempfile.mkdtemp()), version, COMPACT, make_q_function(COMPACT, seed=3), cem, {})


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
