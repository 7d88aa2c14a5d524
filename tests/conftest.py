"""Networks and a model that several folders' tests share."""

import os
import random
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from qtopt_agent.core.profile import COMPACT, PAPER
from qtopt_agent.maximizers import CEM
from qtopt_agent.models.publish import publish
from qtopt_agent.q_functions import QFunction, make_q_function

# A shell's background jobs ignore Ctrl-C and hand that down; what the tests start is to heed it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says more about the machine than about the code.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """More threads than one slow small networks down, most of all beside other work."""
    torch.set_num_threads(1)


@pytest.fixture
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """The processes that the test starts are not measured for coverage: others run the same lines."""
    for name in ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG"):
        monkeypatch.setenv(name, "")


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


# What readers of text and of numbers have fallen over before.
_TOKENS = (
    *(
        b"\0",
        b"\n",
        b"\x1b[31m",
        b"\xff\xfe",
        b"\xe9",
        b"NaN",
        b".inf",
        b"-1",
        b"1e400",
        b"9" * 400,
        b"null",
        b"true",
        b"2020-01-01",
    ),
    *(
        b"../../../x",
        b"[" * 2000,
        b"{",
        b"&a [*a, *a]",
        b"<<: *a",
        b"!!python/object/apply:os.system [x]",
        b'""',
        b"a: 1\na: 2",
    ),
)
FUZZ = int(os.environ.get("QTOPT_FUZZ", "200"))
"""Inputs for each fuzz target: more of them find more, and take longer."""


@pytest.fixture
def mutations() -> Callable[[bytes], Iterator[bytes]]:
    """Of a file that is well, FUZZ damaged ones, the same each time."""

    def mutate(whole: bytes) -> Iterator[bytes]:
        for seed in range(FUZZ):
            draw, data = random.Random(seed), bytearray(whole)
            for _ in range(draw.choice((1, 1, 1, 2, 5, 20))):
                start = draw.randrange(len(data) + 1)
                end = min(len(data), start + draw.choice((1, 1, 4, 32, 1000)))
                kind = draw.randrange(6)
                if kind == 0 and start < len(data):
                    data[start] ^= 1 << draw.randrange(8)
                elif kind == 1:
                    data[start:end] = draw.randbytes(end - start)
                elif kind == 2:
                    del data[start:end]
                elif kind == 3:
                    data[start:start] = data[start:end]
                elif kind == 4:
                    data[start:start] = draw.choice(_TOKENS)
                else:
                    data[start:end] = draw.choice(_TOKENS)
            yield bytes(data[: draw.randrange(len(data) + 1)] if draw.random() < 0.1 else data)

    return mutate
