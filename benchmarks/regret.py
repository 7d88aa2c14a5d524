"""Regret against budget: how far below the best action of a trained grasp Q-function does each maximiser stay?

    python benchmarks/regret.py --png docs/curves/regret.png --json docs/curves/regret.json

States are steps of simulated episodes that the model itself acts in, on validation objects. The best action of each
comes from a dense search: 200,000 random samples, of which the best 100 are refined. Regret is the difference in Q.
Time is the processor time of one decision on one thread, encoding included: TorchScript where the maximiser is
deployable, as a robot runs it, and Python for the other two. Methods take turns, so that other load meets all alike.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor

from qtopt_agent.maximizers import CEM, CMAES, ICEM, AskTell, GradientAscent, Grid, PolicyWeightCEM, RandomShooting
from qtopt_agent.maximizers.action_code import ActionCode
from qtopt_agent.models.build import acting
from qtopt_agent.models.folder import load, profile_of
from qtopt_agent.models.opened import open_model
from qtopt_agent.policies import TorchScriptPolicy
from qtopt_agent.policies.scripted_module import script_policy
from qtopt_agent.q_functions import QFunction
from qtopt_agent.rollouts.episode_runner import EpisodeRunner
from qtopt_agent.simulation import make_robot

DEFAULT = "cem 64x2"
STEPS_AN_EPISODE = 4
STARTS, CHILDREN, ROUNDS = 100, 20, 20


class States(NamedTuple):
    """Images uint8 [B, H, W, 3], states float32 [B, S], and actions before them [B, A]: NaN where there was none."""

    image: Tensor
    state: Tensor
    last: Tensor


def methods(space: Any) -> dict[str, Any]:
    """Maximisers over their range of budgets; the numbers are samples x iterations, + gradient steps."""
    chosen: dict[str, Any] = {f"random {n}": RandomShooting(space, n) for n in (16, 32, 64, 128, 256, 512, 1024)}
    for kind in (CEM, ICEM):
        for n, elites, iterations in (
            (8, 2, 2),
            (16, 3, 2),
            (32, 4, 2),
            (64, 6, 2),
            (64, 6, 4),
            (128, 6, 4),
            (128, 13, 8),
        ):
            chosen[f"{kind.name} {n}x{iterations}"] = kind(space, n, elites, iterations)
    for n, iterations in ((8, 2), (8, 4), (8, 8), (16, 8), (16, 16), (32, 16), (64, 16)):
        chosen[f"cma_es {n}x{iterations}"] = CMAES(space, n, iterations)
    for n, iterations, steps in (
        (8, 1, 3),
        (16, 1, 7),
        (32, 1, 15),
        (48, 2, 15),
        (96, 2, 31),
        (224, 2, 31),
        (480, 2, 31),
    ):
        elites = max(1, n // 10)
        chosen[f"gradient {n}x{iterations}+{steps}"] = GradientAscent(space, n, elites, iterations, steps)
    for n, elites, iterations in ((8, 2, 2), (16, 2, 2), (32, 3, 2), (32, 3, 4), (64, 6, 4), (128, 6, 4), (256, 13, 4)):
        chosen[f"policy_weights {n}x{iterations}"] = PolicyWeightCEM(space, n, elites, iterations)
    for count in (2, 3, 4):
        chosen[f"grid {count}"] = Grid(space, np.linspace(-1, 1, count).tolist())
    return chosen


def visited(model: Path, count: int, seed: int) -> States:
    """`count` steps of the model's own episodes, at most four of each."""
    policy, profile = load(model), profile_of(model)
    robot = make_robot(profile, "validation", (1, 5))
    runner, rng = EpisodeRunner(robot, profile, robot.succeeded), np.random.default_rng(seed)
    none = np.full(profile.action_space.size, np.nan, np.float32)
    rows: list[Any] = []
    while len(rows) < count:
        steps = runner.run(policy, rng, int(rng.integers(2**31)), "regret").steps
        for i in rng.permutation(len(steps))[:STEPS_AN_EPISODE]:
            seen = steps[i].observation
            rows.append((seen.image, seen.state, steps[i - 1].commanded if i else none))
    return States(*(torch.from_numpy(np.stack(column)) for column in zip(*rows[:count], strict=True)))


def network_of(model: Path) -> QFunction:
    """What the model's policy evaluates."""
    opened = open_model(model)
    opened.q.load_state_dict(dict(opened.weights))
    return acting(opened.q, opened.spec.profile, opened.spec.mirrored).eval()


def dense_maximum(
    q: QFunction, code: ActionCode, embedding: Tensor, state: Tensor, samples: int, generator: torch.Generator
) -> float:
    """The highest Q for one state: of random samples, the best of which are then refined in ever smaller circles."""

    def score(unit: Tensor, choice: Tensor) -> Tensor:
        parts = code.decode(unit[None], choice[None]).split(2000, 1)
        return torch.cat([q.evaluate(embedding, state, part) for part in parts], 1)[0]

    unit = torch.rand([samples, code.unit_size], generator=generator) * 2 - 1
    choice = torch.randint(code.choices, [samples], generator=generator)
    logit, best = score(unit, choice).topk(min(STARTS, samples))
    unit, choice = unit[best], choice[best]
    for i in range(ROUNDS):
        noise = torch.randn([len(unit), CHILDREN, code.unit_size], generator=generator)
        children = (unit[:, None] + 0.2 * 0.75**i * noise).clamp(-1, 1)
        found, child = score(children.flatten(0, 1), choice.repeat_interleave(CHILDREN)).view(-1, CHILDREN).max(1)
        better = found > logit
        unit = torch.where(better[:, None], children[torch.arange(len(unit)), child], unit)
        logit = torch.where(better, found, logit)
    return float(torch.sigmoid(logit.max()))


def median_times(decide: dict[str, Callable[[int], Any]], turns: int) -> dict[str, float]:
    """Median processor time of one decision, s, the methods taking turns."""
    times: dict[str, list[float]] = {name: [] for name in decide}
    for i in track(range(turns), "timing"):
        for name, call in decide.items():
            start = time.process_time()
            call(i)
            times[name].append(time.process_time() - start)
    return {name: float(np.median(measured)) for name, measured in times.items()}


def front(points: Sequence[dict[str, Any]], regret: str) -> set[str]:
    """Names of the points that no other one beats in both regret and time."""
    best, names = float("inf"), set()
    for point in sorted(points, key=lambda p: (p["ms"], p[regret])):
        if point[regret] < best:
            best = point[regret]
            names.add(point["method"])
    return names


def measure(model: Path, count: int, samples: int, turns: int, seed: int) -> list[dict[str, Any]]:
    """A point for each method: evaluations, regret (mean, median and quantiles) and milliseconds a decision."""
    profile, q = profile_of(model), network_of(model)
    states = visited(model, count, seed)
    generator = torch.Generator().manual_seed(seed)
    maximizers = methods(profile.action_space)
    with torch.inference_mode():
        embedding = q.encode(states.image)
        code = ActionCode(profile.action_space)
        best = torch.tensor(
            [
                dense_maximum(q, code, embedding[i : i + 1], states.state[i : i + 1], samples, generator)
                for i in track(range(count), "dense search")
            ]
        )

        def decision(maximizer: Any) -> Callable[[int], Any]:
            def one(i: int) -> tuple[Tensor, Tensor]:
                return states.image[i % count][None], states.state[i % count][None]

            def in_python(i: int) -> Any:
                image, state = one(i)
                return maximizer(q, q.encode(image), state, torch.Generator().manual_seed(i))

            if not isinstance(maximizer, AskTell):
                return in_python
            policy = TorchScriptPolicy(script_policy(q, maximizer, profile), profile)
            return lambda i: policy.act(*one(i), i)

        points = []
        for name, maximizer in track(maximizers.items(), "regret"):
            # A few states at a time: all of them with a budget of 1,024 would want gigabytes.
            parts = [
                maximizer(q, embedding[rows], states.state[rows], generator).q for rows in torch.arange(count).split(32)
            ]
            regret = (best - torch.cat(parts)).numpy()
            quantiles = np.quantile(regret, [0.1, 0.25, 0.5, 0.75, 0.9])
            points.append(
                {
                    "method": name,
                    "evaluations": maximizer.evaluations,
                    "mean": float(regret.mean()),
                    **dict(zip(("p10", "p25", "median", "p75", "p90"), map(float, quantiles), strict=True)),
                    "lowest": float(regret.min()),
                    "deployable": isinstance(maximizer, AskTell),
                }
            )
        decide = {name: decision(maximizer) for name, maximizer in track(maximizers.items(), "compiling")}
        times = median_times(decide, turns)
    for point in points:
        point["ms"] = 1e3 * times[point["method"]]
    return points


def draw(points: Sequence[dict[str, Any]], path: Path) -> None:
    """Median regret against budget with the middle half of the states, and against time with the front."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.5), sharey=True, layout="constrained")
    kinds = list(dict.fromkeys(p["method"].split()[0] for p in points))
    for number, kind in enumerate(kinds):
        mine = [p for p in points if p["method"].split()[0] == kind]
        colour, median = f"C{number}", [p["median"] for p in mine]
        budgets = [p["evaluations"] for p in mine]
        left.plot(budgets, median, marker=".", color=colour, label=kind)
        left.fill_between(budgets, [p["p25"] for p in mine], [p["p75"] for p in mine], color=colour, alpha=0.12)
        right.plot([p["ms"] for p in mine], median, ".", color=colour)
    best = front(points, "median")
    optimal = sorted((p for p in points if p["method"] in best), key=lambda p: p["ms"])
    right.step([p["ms"] for p in optimal], [p["median"] for p in optimal], "k", where="post", lw=0.8, label="front")
    default = next(p for p in points if p["method"] == DEFAULT)
    right.plot(default["ms"], default["median"], "k*", markersize=11, label=f"default, {DEFAULT}")
    left.set(
        xscale="log", yscale="log", xlabel="Q evaluations a decision", ylabel="regret in Q, median", ylim=(1e-6, 0.1)
    )
    right.set(xscale="log", xlabel="processor time of one decision, ms")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Measure, write the data and the picture, print the table and whether the default is on the front."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("models/compact-1"), help="model folder")
    parser.add_argument("--states", type=int, default=192, help="states to search in")
    parser.add_argument("--samples", type=int, default=200_000, help="random samples of the dense search, a state")
    parser.add_argument("--turns", type=int, default=200, help="decisions that each method is timed on")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--png", type=Path, required=True, help="picture to write")
    parser.add_argument("--json", type=Path, required=True, help="data to write")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    points = measure(arguments.model, arguments.states, arguments.samples, arguments.turns, arguments.seed)
    by_median, by_mean = front(points, "median"), front(points, "mean")
    result = {
        "model": arguments.model.name,
        "states": arguments.states,
        "dense_samples": arguments.samples,
        "seed": arguments.seed,
        "torch": torch.__version__,
        "front_of_median": sorted(by_median),
        "front_of_mean": sorted(by_mean),
        "points": points,
    }
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(result, indent=1) + "\n")
    draw(points, arguments.png)
    table = Table(title=f"{arguments.model.name}: regret in thousandths of Q over {arguments.states} states")
    for heading in ("method", "evaluations", "median", "90 %", "mean", "ms", "front"):
        table.add_column(heading, justify="left" if heading == "method" else "right", no_wrap=True)
    for p in points:
        marks = " ".join("*" if p["method"] in names else "-" for names in (by_median, by_mean))
        numbers = (f"{1e3 * p[key]:.3f}" for key in ("median", "p90", "mean"))
        table.add_row(p["method"], str(p["evaluations"]), *numbers, f"{p['ms']:.2f}", marks)
    Console(width=100).print(table)
    print("front: * where no other method beats this one in both regret and time, by median and by mean regret")
    for names, what in ((by_median, "median"), (by_mean, "mean")):
        print(f"default {DEFAULT}: {'on' if DEFAULT in names else 'NOT on'} the front of {what} regret and time")
    print("proposal is left out: it asks a network of its own (NAF or actor-critic), and this one proposes nothing")


if __name__ == "__main__":
    main()
