"""What a GPU is worth: decisions and gradient steps a second there, beside one thread of the processor.

    .venv/bin/python -m benchmarks.devices                 # the processor, and the first GPU if there is one
    .venv/bin/python -m benchmarks.devices --presets paper --seconds 20 --json devices.json

Networks as drawn and batches of random numbers: times alone mean something. On the processor they are its own, so that
other work hardly counts. Each device has `--seconds` for each row.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from qtopt_agent.core.profile import Profile
from qtopt_agent.learning.learner import Learner
from qtopt_agent.learning.parts import make_network, training_maximizer
from qtopt_agent.learning.preset import load_preset
from qtopt_agent.maximizers import CEM
from qtopt_agent.policies.scripted_module import TorchScriptPolicy, script_policy
from qtopt_agent.processes.device import CPU, find_device
from qtopt_agent.q_functions import MirroredQFunction, make_q_function
from qtopt_agent.replay.batch import Batch
from qtopt_agent.speed.costs import timed

PRIVILEGED, MASK = 4, 8


@dataclass(frozen=True)
class Row:
    """Median, and 99th percentile, of the time of `calls` decisions or gradient steps, ms."""

    preset: str
    what: str
    device: str
    p50_ms: float
    p99_ms: float
    calls: int


def measured(preset: str, device: torch.device, seconds: float) -> list[Row]:
    """Deciding on one state, CEM 64x2 with the mirror images that a release has, and a gradient step of the preset."""
    profile = load_preset(preset).acting_profile()
    rows = []
    for what, call in (("decision", deciding(profile, device)), ("gradient step", learning(preset, profile, device))):
        times = timed(call, device, seconds)
        p50, p99 = np.percentile(times, [50, 99])
        rows.append(Row(preset, what, str(device), 1e3 * p50, 1e3 * p99, len(times)))
    return rows


def deciding(profile: Profile, device: torch.device) -> Callable[[], object]:
    """One decision of a compiled policy on a random picture."""
    q = make_q_function(profile).eval()
    search = script_policy(MirroredQFunction(q, profile) if profile.mirrors else q, CEM(profile.action_space), profile)
    policy = TorchScriptPolicy(search, profile, device=device)
    image = torch.randint(0, 256, [1, *profile.observation.image_size, 3], dtype=torch.uint8)
    state = torch.rand([1, profile.observation.state_size])
    return lambda: policy.act(image, state, 0)


def learning(preset: str, profile: Profile, device: torch.device) -> Callable[[], object]:
    """One gradient step on random transitions, from the processor's memory."""
    chosen = load_preset(preset)
    network = make_network(chosen, profile, PRIVILEGED)
    learner = Learner(chosen, profile, network, training_maximizer(chosen, profile), 0, device=device)
    size, rng = chosen.optimizer.batch_size, np.random.default_rng(0)
    learner.fit_auxiliary(rng.random((size, PRIVILEGED), dtype=np.float32))
    images = [rng.integers(0, 256, (size, *profile.observation.image_size, 3), dtype=np.uint8) for _ in range(2)]
    states = [rng.random((size, profile.observation.state_size), dtype=np.float32) for _ in range(2)]
    action = np.stack([profile.action_space.sample(rng) for _ in range(size)])
    zeros, ones, rows = np.zeros(size, np.float32), np.ones(size, np.float32), np.arange(size)
    batch = Batch(
        *(images[0], states[0], action, zeros, zeros, images[1], states[1], zeros),
        *(rng.random((size, PRIVILEGED), dtype=np.float32), 0.9 * ones, rows, ones, rows, np.zeros(size, bool)),
        rng.integers(0, 2, (size, MASK, MASK), dtype=np.uint8) * 255,
    )
    return lambda: learner.step(batch)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presets", default="compact,detailed,paper", help="separated by commas")
    parser.add_argument("--seconds", type=float, default=10.0, help="for each row (default: 10)")
    parser.add_argument("--json", type=Path, help="write the rows to this file, too")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    devices = [CPU]
    if find_device("auto") != CPU:
        devices.append(find_device("auto"))
        print(f"GPU: {torch.cuda.get_device_name(devices[1])}, PyTorch {torch.__version__}")
    else:
        print("NO GPU HERE: the processor alone")
    rows = []
    print("| preset | | device | p50, ms | p99, ms | a second |\n| --- | --- | --- | --- | --- | --- |")
    for preset in arguments.presets.split(","):
        for device in devices:
            for row in measured(preset, device, arguments.seconds):
                rows.append(row)
                figures = f"{row.p50_ms:.2f} | {row.p99_ms:.2f} | {1e3 / row.p50_ms:.1f}"
                print(f"| {row.preset} | {row.what} | {row.device} | {figures} |", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
