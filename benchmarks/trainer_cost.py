"""What a trainer costs the agent that grasps beside it: from an image to the command made of it, alone and beside.

    qtopt collect --policy blobs --profile detailed --cell embedded --episodes 100 --out episodes
    python -m benchmarks.trainer_cost --model runs/models/mine --episodes episodes --pairs 10 --json cost.json

The trainer node learns from the episodes all the time, with an actor in simulation, as in `qtopt launch grasp ...
train:=true`; for the measurements alone, all its processes stand still (SIGSTOP). Each pair is measured alone and
beside, in turns that change from pair to pair, so that other work on the machine meets both; the medians over pairs are
told. A trainer that other work keeps from the cores costs nothing: `cores` says how much of them it had.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from qtopt_agent.core.errors import QtoptError
from qtopt_agent.models.released import find_model
from qtopt_agent.speed.graph import measure_deciding
from qtopt_agent.standalone.processes import NodeDescription, Processes, loopback
from qtopt_agent.training.offline import ROUND

START = 1800.0  # s for the trainer to have learned something
TICKS = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> Iterator[int]:
    """`pid` and all processes that come from it."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            yield from family(int(child))


def signalled(pid: int, number: signal.Signals) -> None:
    """Send a signal to `pid` and all that comes from it; parents first, so that none is born meanwhile."""
    for each in family(pid):
        os.kill(each, number)


def processor_time(pid: int) -> float:
    """Of `pid` and all that comes from it, s."""
    stats = [Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split() for each in family(pid)]
    return sum(int(ticks) for stat in stats for ticks in stat[11:13]) / TICKS


def trainer(model: Path, episodes: Path, root: Path) -> NodeDescription:
    """The node, with a round that soon begins to learn and does not end."""
    folders = {"model": model, "episodes": episodes, "run": root / "run", "candidates": root / "candidates"}
    soon = "collection.min_episodes=16 housekeeping.publish_every=10"
    endless = {"min_episodes": 1, "steps": 10**6, "settings": soon}
    return NodeDescription("trainer", "qtopt_agent.nodes.trainer", {k: str(v) for k, v in folders.items()} | endless)


def wait_until_it_learns(root: Path, processes: Processes) -> None:
    """Weights for its actor are there from the beginning; the second ones are learned."""
    weights, first, end = root / "run" / ROUND / "acting.safetensors", 0.0, time.monotonic() + START
    while not first or weights.stat().st_mtime == first:
        if processes.ended("trainer") or time.monotonic() > end:
            raise QtoptError(f"the trainer has not learned anything within {START:.0f} s; what it said is above")
        first = first or (weights.stat().st_mtime if weights.exists() else 0.0)
        time.sleep(0.5)


def measured(model: Path, decisions: int, pid: int, beside: bool) -> dict[str, Any]:
    """Once, with the trainer `pid` at work or standing still."""
    signalled(pid, signal.SIGCONT if beside else signal.SIGSTOP)
    began, before = time.monotonic(), processor_time(pid)
    found = measure_deciding(model, decisions)["graph_ms"]
    cores = (processor_time(pid) - before) / (time.monotonic() - began)
    return {"beside": beside, **found, "cores": round(cores, 3), "load": os.getloadavg()[0]}


def summary(pairs: Sequence[Sequence[dict[str, Any]]]) -> dict[str, Any]:
    """Medians over pairs of (alone, beside), in ms, and of the ratio in a pair, with its quartiles."""
    told: dict[str, Any] = {"pairs": len(pairs)}
    for key in ("p50", "p99"):
        alone, beside = (np.array([pair[which][key] for pair in pairs]) for which in (0, 1))
        low, middle, high = np.percentile(beside / alone, (25, 50, 75))
        told[key] = {"alone": float(np.median(alone)), "beside": float(np.median(beside))}
        told[key] |= {"ratio": float(middle), "quartiles": [float(low), float(high)]}
    told["cores"] = float(np.median([beside["cores"] for _, beside in pairs]))
    return told | {"load": float(np.median([each["load"] for pair in pairs for each in pair]))}


def main() -> None:
    """Measure, write the data and print what comes of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="folder of the model that both begin with, or a released one")
    parser.add_argument("--episodes", type=Path, required=True, help="folder to learn from, recorded for its profile")
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--decisions", type=int, default=200, help="in each measurement")
    parser.add_argument("--json", type=Path, help="data to write")
    arguments = parser.parse_args()
    model, pairs = find_model(arguments.model), []
    os.environ.setdefault("CYCLONEDDS_URI", loopback())
    with tempfile.TemporaryDirectory(prefix="qtopt_cost_") as name:
        node = trainer(model, arguments.episodes, Path(name))
        with Processes([node], output=sys.stderr) as processes:
            pid = processes.pid("trainer")
            try:
                wait_until_it_learns(Path(name), processes)
                for number in range(arguments.pairs):
                    order = (False, True) if number % 2 == 0 else (True, False)
                    found = [measured(model, arguments.decisions, pid, beside) for beside in order]
                    pairs.append(sorted(found, key=lambda each: bool(each["beside"])))
                    print(pairs[-1], file=sys.stderr, flush=True)
            finally:
                signalled(pid, signal.SIGCONT)  # what stands still does not end either
    told = summary(pairs)
    if arguments.json:
        arguments.json.write_text(json.dumps({"summary": told, "measured": pairs}, indent=1) + "\n")
    for key in ("p50", "p99"):
        each, (low, high) = told[key], told[key]["quartiles"]
        print(
            f"{key}: {each['alone']:.1f} ms alone, {each['beside']:.1f} ms beside, "
            f"ratio {each['ratio']:.2f} ({low:.2f} to {high:.2f})"
        )
    print(f"{len(pairs)} pairs; the trainer had {told['cores']:.2f} cores; load {told['load']:.1f}")


if __name__ == "__main__":
    try:
        main()
    except QtoptError as error:
        raise SystemExit(str(error)) from error
