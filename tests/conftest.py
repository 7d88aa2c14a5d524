"""Networks and a model that several folders' tests share."""

import shutil
import signal
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from qtopt_agent.core.profile import COMPACT, PAPER
from qtopt_agent.maximizers import CEM
from qtopt_agent.q_functions import QFunction, make_q_function
from qtopt_agent.runtime.model_store import publish

# A shell's background jobs ignore Ctrl-C and hand that down; what the tests start is to heed it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says more about the machine than about the code.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """More threads than one slow small networks down, most of all beside other work."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def paper_q(one_thread: None) -> QFunction:
    """The paper's network with batch statistics of its own maps: as initialised, its logits are 1e-13 apart."""
    q = make_q_function(PAPER, seed=1)
    norms = [m for m in q.modules() if isinstance(m, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d))]
    for norm in norms:
        norm.momentum = None  # a plain average
    generator = torch.Generator().manual_seed(0)
    image = torch.randint(0, 256, [2, 472, 472, 3], dtype=torch.uint8, generator=generator)
    actions = torch.rand([2, 4, 8], generator=generator)
    with torch.no_grad():
        q.train()(image, torch.rand([2, 2], generator=generator), actions)
    return q.eval()


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory, one_thread: None) -> Path:
    """A compact model that has learned nothing, published as any other."""
    cem = CEM(COMPACT.action_space, samples=8, elites=2, iterations=1)
    store = tmp_path_factory.mktemp("store")
    return publish(store, "untrained", COMPACT, make_q_function(COMPACT, seed=3), cem, {"seed": 3})


@pytest.fixture
def model(published: Path, tmp_path: Path) -> Path:
    """A copy of that model which a test may damage."""
    return Path(shutil.copytree(published, tmp_path / "models" / "untrained"))
