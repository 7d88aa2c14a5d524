"""Draw the learning curves of finished training runs and print a table of their held-out results.

    python benchmarks/learning_curves.py runs/compact-* --png docs/curves/compact.png --json docs/curves/compact.json

A run is a folder that `qtopt train` wrote; `held-out.json` in it, if there, is what `qtopt evaluate --json` wrote.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

SPLITS = {"train": ":", "validation": "-", "household": ":", "household-validation": "-"}
ONLINE = "success/online"


def read_run(folder: Path) -> dict[str, Any]:
    """A run's evaluations, its success while exploring and, where there is one, its final held-out result."""
    lines = (folder / "evaluations.jsonl").read_text().splitlines()
    evaluations = [json.loads(line) for line in lines]
    online = EventAccumulator(str(folder)).Reload().Scalars(ONLINE)
    # TensorBoard knows the time of day only: the last evaluation was recorded together with its last scalars.
    start = online[-1].wall_time - 60 * evaluations[-1]["minutes"]
    held_out = folder / "held-out.json"
    return {
        "run": folder.name,
        "evaluations": evaluations,
        "online": [{"minutes": (e.wall_time - start) / 60, "success": e.value} for e in online],
        "held_out": json.loads(held_out.read_text()) if held_out.exists() else None,
    }


def draw(runs: list[dict[str, Any]], path: Path) -> None:
    """Success against wall time, a colour a run; the diamond is the final checkpoint on held-out objects."""
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for number, run in enumerate(runs):
        colour = f"C{number}"
        minutes, success = zip(*((e["minutes"], e["success"]) for e in run["online"]), strict=True)
        axes.plot(minutes, success, color=colour, alpha=0.35, label=f"{run['run']}, last 200 while exploring")
        for split, style in SPLITS.items():
            points = [e for e in run["evaluations"] if e["objects"] == split]
            if not points:
                continue
            minutes = [e["minutes"] for e in points]
            successes = [e["success"] for e in points]
            axes.plot(minutes, successes, style, marker=".", color=colour, label=f"{run['run']}, {split}")
        if run["held_out"]:
            low, high = run["held_out"]["wilson_low"], run["held_out"]["wilson_high"]
            success, end = run["held_out"]["success"], run["evaluations"][-1]["minutes"]
            axes.errorbar(end, success, [[success - low], [high - success]], fmt="D", color=colour, capsize=3)
    axes.set(xlabel="minutes, collection included", ylabel="grasp success", xlim=(0, None), ylim=(0, 1.02))
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small", loc="lower right")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def table(runs: list[dict[str, Any]]) -> str:
    """Markdown: one line a run."""
    lines = ["| run | steps | episodes | minutes | held-out success | 95 % interval |", "|---|---|---|---|---|---|"]
    for run in runs:
        last, result = run["evaluations"][-1], run["held_out"]
        outcome = (
            f"{result['success']:.3f} ({result['successes']}/{result['episodes']}) | "
            f"{result['wilson_low']:.3f} - {result['wilson_high']:.3f}"
            if result
            else "not evaluated | "
        )
        lines.append(f"| {run['run']} | {last['step']} | {last['episodes']} | {last['minutes']:.1f} | {outcome} |")
    return "\n".join(lines)


def main() -> None:
    """Read the command line, write the picture and the data, print the table."""
    """Draw, write and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, help="folders of training runs")
    parser.add_argument("--png", type=Path, required=True, help="picture to write")
    parser.add_argument("--json", type=Path, required=True, help="data to write")
    arguments = parser.parse_args()
    runs = [read_run(folder) for folder in arguments.runs]
    draw(runs, arguments.png)
    arguments.json.write_text(json.dumps(runs, indent=1) + "\n")
    print(table(runs))


if __name__ == "__main__":
    main()
