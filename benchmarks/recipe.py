"""What the choices of preset `detailed` are worth: variants trained alike, then measured on validation objects.

    python -m benchmarks.recipe looks --out runs/recipe       # plain, each part of looks alone, all of them
    python -m benchmarks.recipe network --out runs/recipe     # what the network sees and is asked

A variant takes a quarter of an hour on two cores. One that is there is not made again, one that was stopped goes on.
Rates are of grasps of one to three validation objects: clean, under each disturbance, and their mean.
"""

import argparse
from pathlib import Path

from benchmarks.evaluated import evaluated, run
from qtopt_agent.rollouts.disturbances import CLEAN, DISTURBANCES

PARTS = ("surfaces", "light", "picture", "camera", "physics")
VARIANTS = {
    "looks": {"plain": ["looks.kind=plain"]}
    | {part: [f"looks.kind={part}"] for part in PARTS}
    | {"detailed": [], "detailed, all looks in every episode": ["looks.share=1.0"]},
    "network": {
        "detailed": [],
        "detailed, without masks": ["loss.mask_weight=0"],
        "detailed, without masks and offsets": ["loss.mask_weight=0", "loss.auxiliary_weight=0"],
        "compact": ["profile=compact", "loss.mask_weight=0"],
    },
}
"""Settings that each variant of a group has otherwise than the preset."""

STEPS = {"compact": 21_000}  # as many minutes as the others take with 18,000


def measured(name: str, settings: list[str], out: Path, steps: int, seed: int, episodes: int) -> dict[str, float]:
    """Success rates of a variant by disturbance, trained and measured first where that is still to be done."""
    key = f"{name.replace(', ', '-').replace(' ', '-')}-{steps}-{seed}"
    trained, models = out / key, out / "models"
    if not (models / key).exists():
        options = [word for setting in settings for word in ("--set", setting)]
        resumed = ["--resume"] if (trained / "checkpoint.pt").exists() else ["--seed", seed]
        run("qtopt", "train", "--preset", "detailed", "--steps", steps, *options, "--out", trained, *resumed)
        run("qtopt", "export", "--run", trained, "--version", key, "--store", models)
    plan = ["--objects", "validation", "--clutter", "1-3", "--seed", "99", "--disturb", "all"]
    found = evaluated(models / key, plan, episodes, out / f"{key}.json")
    return {each: result["success"] for each, result in found["results"].items()} | {"mean": found["mean_disturbed"]}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("group", choices=VARIANTS)
    parser.add_argument("--out", type=Path, default=Path("runs/recipe"), help="runs and results (default: runs/recipe)")
    parser.add_argument("--steps", type=int, default=18_000, help="gradient steps of each (default: 18000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--episodes", type=int, default=200, help="grasps of each rate (default: 200)")
    arguments = parser.parse_args()
    results = {}
    for name, settings in VARIANTS[arguments.group].items():
        steps = STEPS.get(name, 18_000) * arguments.steps // 18_000
        results[name] = measured(name, settings, arguments.out, steps, arguments.seed, arguments.episodes)
    columns = [CLEAN, "mean", *DISTURBANCES]
    print("| |", " | ".join(columns), "|")
    print("| --- |", " | ".join(["---"] * len(columns)), "|")
    for name, rates in results.items():
        print(f"| {name} |", " | ".join(f"{100 * rates[column]:.0f}" for column in columns), "|")


if __name__ == "__main__":
    main()
