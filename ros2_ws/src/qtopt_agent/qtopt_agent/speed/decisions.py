"""How many decisions a second: one encoding and a compiled search, against the ways they are usually made."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from qtopt_agent.core.profile import Profile
from qtopt_agent.core.seeds import torch_seed
from qtopt_agent.models.build import build_search
from qtopt_agent.policies.scripted_module import TorchScriptPolicy, script_policy
from qtopt_agent.q_functions import MirroredQFunction, QFunction, make_q_function
from qtopt_agent.q_functions.grasping44 import fuse_batch_norm

WARM_UP = 3
FEWEST = 3
"""Timed calls of each method, however slow; one does where a call takes longer than LONG_S."""
LONG_S = 2.0
BASELINE = "per-sample"
"""Decides on one state only, whatever the others do: it is slow, and eight states take it eight times as long."""
CHUNK_PX = 8 * 472 * 472
"""Pixels that the whole network takes at a time: 64 images of 472x472 would need gigabytes, and no less time."""

Decide = Callable[[Tensor, Tensor, int], Tensor]
"""Images, states, seed -> Q of the actions chosen, [B]."""


@dataclass(frozen=True)
class DecisionSpeed:
    """Times of `calls` decisions on `batch` states at once; `per_s` counts states, at the median time.

    `faster` compares `per_s` with the whole network run per sample, `q_error` is the largest difference between this
    method's Q and the eager loop's. `cpu_ms` is the median processor time of all threads: other work on the machine
    hardly changes it.
    """

    profile: str
    method: str
    threads: int
    batch: int
    p50_ms: float
    p99_ms: float
    cpu_ms: float
    per_s: float
    faster: float
    q_error: float
    calls: int


class WholeNetwork(QFunction):
    """Encodes the image anew for every sample, as implementations without `encode` do."""

    def __init__(self, q: QFunction, profile: Profile) -> None:
        super().__init__(profile)
        self._q = q

    def encode(self, image: Tensor) -> Tensor:
        """The image itself."""
        return image

    def evaluate(self, embedding: Tensor, state: Tensor, actions: Tensor) -> Tensor:
        """Logits [B, N]."""
        samples = actions.shape[1]
        chunk = CHUNK_PX // (embedding.shape[1] * embedding.shape[2])
        states = state.repeat_interleave(samples, 0).split(chunk)
        images = embedding.repeat_interleave(samples, 0).split(chunk)
        parts = zip(images, states, actions.reshape(-1, 1, actions.shape[2]).split(chunk), strict=True)
        return torch.cat([self._q(*part) for part in parts]).view(-1, samples)


def methods(profile: Profile, seed: int) -> dict[str, Decide]:
    """Ways to decide with the same weights and the network's own search; batch norms are folded in all of them."""
    q = fuse_batch_norm(typical_network(profile, seed))
    search = build_search(profile, q.search)
    if profile.mirrors:  # as models of such profiles are released
        q = MirroredQFunction(q, profile)

    def compiled(dtype: torch.dtype) -> Decide:
        policy = TorchScriptPolicy(script_policy(q, search, profile), profile, dtype)
        return lambda image, state, number: policy.act(image, state, number)[1]

    def loop(network: QFunction) -> Decide:
        return lambda image, state, number: (
            search(network, network.encode(image), state, torch.Generator().manual_seed(number)).q
        )

    return {
        "torchscript": compiled(torch.float32),
        "torchscript-bf16": compiled(torch.bfloat16),
        "eager-loop": loop(q),
        BASELINE: loop(WholeNetwork(q, profile)),
    }


@torch.no_grad()
def measure_decisions(
    profile: Profile, threads: int, batch: int, seconds: float, seed: int = 0
) -> Iterator[DecisionSpeed | str]:
    """Time all methods for `seconds` each, taking turns, so that other load meets all alike.

    They decide on `batch` states at once, and the baseline on one.
    Yields a method's name after each call of it, and the rows at the end.
    """
    generator = torch.Generator().manual_seed(torch_seed(seed))
    image = torch.randint(0, 256, [batch, *profile.observation.image_size, 3], dtype=torch.uint8, generator=generator)
    state = torch.rand([batch, profile.observation.state_size], generator=generator)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        decide = methods(profile, seed)
        states = {name: 1 if name == BASELINE else batch for name in decide}
        inputs = {name: (image[:count], state[:count]) for name, count in states.items()}
        times: dict[str, list[float]] = {name: [] for name in decide}
        cpu_times: dict[str, list[float]] = {name: [] for name in decide}
        for name in decide:
            if name != BASELINE:  # too slow to be done for nothing
                for _ in range(WARM_UP):
                    decide[name](*inputs[name], 0)
        error: dict[str, float] = {}
        for name in _turns(times, seconds):
            number = len(times[name])
            start, cpu_start = time.perf_counter(), time.process_time()
            q = decide[name](*inputs[name], number)
            times[name].append(time.perf_counter() - start)
            cpu_times[name].append(time.process_time() - cpu_start)
            if number == 0:
                error[name] = float((q - decide["eager-loop"](*inputs[name], 0)).abs().max())
            yield name
    finally:
        torch.set_num_threads(before)
    slowest = float(np.median(times[BASELINE]))
    for name, measured in times.items():
        p50, p99 = np.percentile(measured, [50, 99])
        yield DecisionSpeed(
            profile.name,
            name,
            threads,
            states[name],
            p50_ms=p50 * 1e3,
            p99_ms=p99 * 1e3,
            cpu_ms=float(np.median(cpu_times[name])) * 1e3,
            per_s=states[name] / p50,
            faster=slowest * states[name] / p50,
            q_error=error[name],
            calls=len(measured),
        )


def _turns(times: dict[str, list[float]], seconds: float) -> Iterator[str]:
    """The method that has had the least time so far, until all have had theirs."""
    while True:
        unfinished = {
            name: sum(measured)
            for name, measured in times.items()
            if sum(measured) < seconds or (len(measured) < FEWEST and measured[0] < LONG_S)
        }
        if not unfinished:
            return
        yield min(unfinished, key=lambda name: unfinished[name])


def typical_network(profile: Profile, seed: int) -> QFunction:
    """Weights as drawn, with batch statistics of their own maps, so that Q differs from action to action."""
    q = make_q_function(profile, seed=seed).train()
    for module in q.modules():
        if isinstance(module, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)):
            module.momentum = None
    generator = torch.Generator().manual_seed(torch_seed(seed))
    shape = [2, *profile.observation.image_size, 3]
    image = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    state = torch.rand([2, profile.observation.state_size], generator=generator)
    q(image, state, torch.rand([2, 8, profile.action_space.size], generator=generator))
    return q.eval()
