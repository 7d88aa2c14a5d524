"""The paper's network: how soon can it decide at the regret of the paper's search?

    python -m benchmarks.paper_decision --png docs/curves/paper-decision.png --json docs/curves/paper-decision.json

Regret wants a Q-function that has learned: it is that of trained models, in steps of their own simulated episodes on
validation objects, as benchmarks/regret.py has it, searched with 5 seeds each. Time is that of the paper's network with
weights as drawn: the processor time of one TorchScript decision, float32, one thread, image included. All variants take
turns in one run, so that other load meets all alike. Warm: with the last decision among the first samples, where there
was one. "as before" is the network without its first joined convolution divided, and the search as published.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor

from benchmarks.regret import dense_maximum, median_times, network_of, visited
from qtopt_agent.core.action import ActionSpace
from qtopt_agent.core.profile import PAPER
from qtopt_agent.maximizers import CEM, CMAES, ICEM, AskTell
from qtopt_agent.maximizers.action_code import ActionCode
from qtopt_agent.models.folder import profile_of
from qtopt_agent.policies import TorchScriptPolicy
from qtopt_agent.policies.scripted_module import script_policy
from qtopt_agent.q_functions.grasping44 import Grasping44
from qtopt_agent.speed.decisions import typical_network

BEFORE, WARM, SEEDS = "cem 64x2, as before", ", warm", 5
FIGURES = ("median", "p90", "mean")


class Undivided(Grasping44):
    """The network as it is drawn: the vector is added to the map, and each sample's sum convolved."""

    def encode(self, image: Tensor) -> Tensor:
        """The 27x27 map [B, 64, 27, 27]."""
        x = image.permute(0, 3, 1, 2).to(self._state_scale.dtype) * (1.0 / 255.0)
        for i, block in enumerate(self.stem):
            x = block(x)
            if i == 0:
                x = self.pool_79(x)
        return self.pool_27(x)

    def _joined_maps(self, embedding: Tensor, vector: Tensor) -> Tensor:
        maps = embedding.permute(0, 2, 3, 1).unsqueeze(1) + vector[:, :, None, None, :]
        return self.joined[0].layer(maps.flatten(0, 1).permute(0, 3, 1, 2))


def searches(space: ActionSpace) -> dict[str, AskTell]:
    """By name: samples x iterations; halved: half as many each time, down to 8; kept: the 4 elites, and the mean."""
    chosen: dict[str, AskTell] = {"cem 64x2": CEM(space), "cem 32x2": CEM(space, 32, 4), "icem 64x2": ICEM(space)}
    chosen["cem 48x4 halved"] = CEM(space, 48, 4, 4, population_decay=2)
    for n, iterations in ((48, 4), (40, 5), (32, 5)):
        options = {"keep_elites": True, "add_mean": True, "population_decay": 2.0}
        chosen[f"cem {n}x{iterations} halved, kept"] = CEM(space, n, 4, iterations, **options)
    for iterations in (7, 8, 9):
        chosen[f"cma_es 8x{iterations}"] = CMAES(space, 8, iterations)
    return chosen


def regrets(model: Path, count: int, samples: int, seed: int) -> dict[str, dict[str, float]]:
    """Of each search, cold and warm, in thousandths of Q over `count` states and all seeds."""
    profile, q, states = profile_of(model), network_of(model), visited(model, count, seed)
    code, generator = ActionCode(profile.action_space), torch.Generator().manual_seed(seed)
    found: dict[str, Tensor] = {}
    with torch.inference_mode():
        embedding = q.encode(states.image)
        best = torch.tensor(
            [
                dense_maximum(q, code, embedding[i : i + 1], states.state[i : i + 1], samples, generator)
                for i in track(range(count), f"{model.name}: dense search")
            ]
        )
        for name, search in track(searches(profile.action_space).items(), f"{model.name}: regret"):
            for suffix, last in (("", None), (WARM, states.last)):
                seeds = [torch.Generator().manual_seed(seed + i) for i in range(SEEDS)]
                found[name + suffix] = torch.stack([search(q, embedding, states.state, g, last).q for g in seeds])
    for each in found.values():
        best = torch.maximum(best, each.max(0).values)
    shares = torch.tensor([0.5, 0.9])
    result = {}
    for name, each in found.items():
        regret = 1e3 * (best - each)
        median, p90 = regret.flatten().quantile(shares).tolist()
        result[name] = {"median": median, "p90": p90, "mean": float(regret.mean())}
    return result


def times(turns: int, seed: int) -> dict[str, float]:
    """Median processor time of the paper's network's decision by each search, ms."""
    q = typical_network(PAPER, seed)
    before = Undivided(PAPER)
    before.load_state_dict(q.state_dict())
    generator = torch.Generator().manual_seed(seed)
    image = torch.randint(0, 256, [1, 472, 472, 3], dtype=torch.uint8, generator=generator)
    state = torch.rand([1, 2], generator=generator)
    each = [(BEFORE, before, CEM(PAPER.action_space))]
    each += [(name, q, search) for name, search in searches(PAPER.action_space).items()]
    policies = {
        name: TorchScriptPolicy(script_policy(network.eval(), search, PAPER), PAPER)
        for name, network, search in track(each, "compiling")
    }
    decide = {name: lambda i, policy=policy: policy.act(image, state, i) for name, policy in policies.items()}
    return {name: 1e3 * s for name, s in median_times(decide, turns).items()}


def as_good(point: dict[str, Any], reference: dict[str, Any]) -> bool:
    """Whether no model has more regret than in the reference: by median, 90 % of states and mean."""
    return all(
        point["regret"][model][figure] <= reference["regret"][model][figure]
        for model in reference["regret"]
        for figure in FIGURES
    )


def measure(models: Sequence[Path], count: int, samples: int, turns: int, seed: int) -> list[dict[str, Any]]:
    """A point for each variant: evaluations, milliseconds, times faster than before, regret by model, as good."""
    by_model = {model.name: regrets(model, count, samples, seed) for model in models}
    took, chosen = times(turns, seed), searches(PAPER.action_space)
    points = []
    for name in [BEFORE, *(name + suffix for name in chosen for suffix in ("", WARM))]:
        search = name.removesuffix(", as before").removesuffix(WARM)
        points.append(
            {
                "search": name,
                "evaluations": chosen[search].evaluations,
                "ms": took[name.removesuffix(WARM)],  # it scores as many
                "faster": took[BEFORE] / took[name.removesuffix(WARM)],
                "regret": {
                    model: found[search + WARM if name.endswith(WARM) else search] for model, found in by_model.items()
                },
            }
        )
    for point in points:
        point["as_good"] = as_good(point, points[0])
    return points


def draw(points: Sequence[dict[str, Any]], path: Path) -> None:
    """Median and mean regret against time; hollow where warm."""
    models = list(points[0]["regret"])
    figure, axes = plt.subplots(1, len(models), figsize=(5.5 * len(models), 4.5), layout="constrained", squeeze=False)
    for place, model in zip(axes[0], models, strict=True):
        for number, kind in enumerate(("cem", "icem", "cma_es")):
            for warm in (False, True):
                mine = [p for p in points[1:] if p["search"].split()[0] == kind and p["search"].endswith(WARM) == warm]
                place.plot(
                    [p["ms"] for p in mine],
                    [p["regret"][model]["mean"] for p in mine],
                    "o",
                    color=f"C{number}",
                    markerfacecolor="none" if warm else f"C{number}",
                    label=kind + WARM * warm,
                )
        place.plot(points[0]["ms"], points[0]["regret"][model]["mean"], "k*", markersize=12, label=BEFORE)
        place.axhline(points[0]["regret"][model]["mean"], color="k", lw=0.6)
        place.set(title=f"Q of {model}", xlabel="the paper's network: processor time of a decision, ms", ylim=(0, None))
        place.grid(alpha=0.3)
    axes[0][0].set_ylabel("mean regret, thousandths of Q")
    axes[0][-1].legend(fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Measure, write the data and the picture, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, nargs="+", default=[Path("models/compact-2"), Path("models/d435-1")])
    parser.add_argument("--states", type=int, default=96, help="states to search in, of each model")
    parser.add_argument("--samples", type=int, default=20_000, help="random samples of the dense search, a state")
    parser.add_argument("--turns", type=int, default=21, help="decisions that each variant is timed on")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--png", type=Path, required=True, help="picture to write")
    parser.add_argument("--json", type=Path, required=True, help="data to write")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    points = measure(arguments.models, arguments.states, arguments.samples, arguments.turns, arguments.seed)
    result = {
        "states": arguments.states,
        "dense_samples": arguments.samples,
        "turns": arguments.turns,
        "seed": arguments.seed,
        "torch": torch.__version__,
        "points": points,
    }
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(result, indent=1) + "\n")
    draw(points, arguments.png)
    models = list(points[0]["regret"])
    table = Table(title="time: the paper's network; regret in thousandths of Q: median / 90 % / mean")
    for heading in ("search", "evaluations", "ms", "x", *models, "no worse"):
        table.add_column(heading, justify="left" if heading == "search" else "right", no_wrap=True)
    for p in points:
        regret = (" / ".join(f"{p['regret'][model][figure]:.2f}" for figure in FIGURES) for model in models)
        numbers = (str(p["evaluations"]), f"{p['ms']:.0f}", f"{p['faster']:.2f}")
        table.add_row(p["search"], *numbers, *regret, "yes" if p["as_good"] else "-")
    Console(width=130).print(table)
    soonest = min((p for p in points if p["as_good"]), key=lambda p: p["ms"])
    print(f"soonest without more regret than before: {soonest['search']}, {soonest['faster']:.2f} times faster")


if __name__ == "__main__":
    main()
