"""Networks that several folders' tests share."""

import pytest
import torch

from qtopt_agent.core.profile import PAPER
from qtopt_agent.q_functions import QFunction, make_q_function


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
