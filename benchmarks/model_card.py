"""Measure the models of a recipe's seeds, each evaluation once, and write the card of the one that is released.

    python -m benchmarks.model_card runs/models/compact-2-* --release models/compact-2 --meshes meshes

Every result stays in --results and is not measured again: a run that was stopped goes on. `meshes` is a folder of those
of pybullet's random_urdfs that no model of this project was ever tried on:

    python -c "import pathlib, pybullet_data as p
    for i in range(100, 200): pathlib.Path('meshes', f'{i}').symlink_to(f'{p.getDataPath()}/random_urdfs/{i}')"
"""

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.evaluated import evaluated
from qtopt_agent.cli.rollout_run import run_plan
from qtopt_agent.models.folder import describe, profile_of
from qtopt_agent.rollouts.disturbances import CLEAN, DISTURBANCES, examples
from qtopt_agent.rollouts.parallel import RolloutPlan
from qtopt_agent.rollouts.pictures import contact_sheet, enlarged, save_png

PICTURE = (150, 200)  # px
LOOKED_AT, SHOWN = 300, 10  # grasps in which failures are looked for, and how many of those are shown


def plans(meshes: Path) -> dict[str, tuple[list[str], str]]:
    """What is measured: arguments of `qtopt evaluate`, and what the card calls it."""
    single, cluttered = ["--clutter", "1"], ["--clutter", "1-5"]
    return {
        "held-out": (["--objects", "held-out", *single], "held-out families, one object"),
        "held-out-1-5": (["--objects", "held-out", *cluttered], "held-out families, one to five"),
        "test": (["--objects", "test", *single], "test families, one object"),
        "test-1-5": (["--objects", "test", *cluttered], "test families, one to five"),
        "flat-boxes": (["--objects", "flat-boxes", *single], "flat boxes, 40-50 mm wide"),
        "meshes": (["--objects", str(meshes), *single], "meshes 100-199 of `random_urdfs`"),
        "disturbed": (["--objects", "held-out", "--clutter", "1-3", "--disturb", "all"], ""),
    }


def draw_failures(model: Path, path: Path) -> None:
    """How the first failures among grasps of one to five test objects ended."""
    plan = RolloutPlan(str(model), profile_of(model), "test", (1, 5), picture=PICTURE)
    _, rollouts = run_plan(plan, LOOKED_AT, None, "looking for failures")
    failed = [each.pictures for each in rollouts if not each.success and each.pictures is not None][:SHOWN]
    if failed:
        save_png(contact_sheet(failed, [False] * len(failed)), path)


def draw_disturbances(model: Path, path: Path) -> None:
    """What the policy sees first in three episodes: clean, and under each disturbance."""
    save_png(enlarged(examples(profile_of(model), "held-out", [CLEAN, *DISTURBANCES], range(3)), 2), path)


def counted(result: dict[str, Any]) -> str:
    """Successes, tries, rate and interval of a result."""
    low, high = result["wilson_low"], result["wilson_high"]
    return f"{result['successes']} of {result['episodes']}: {result['success']:.1%} ({low:.1%} - {high:.1%})"


CARD = """# {name}

Grasps what lies in a bin, from the pictures of a camera: {pixels} px, a vertical view of {view:.0f} degrees, {mount}
at {place} m; a jaw of {jaw:.0f} mm. For another cell train another ([how](../../docs/how-to/your-cell.md)).
Learned in simulation alone, from {episodes:,} episodes in {steps:,} gradient steps. It has not been on a real arm.

## Figures
Final checkpoints of all seeds; this folder holds seed {seed}. Successes in simulation from images alone, with 95 %
Wilson intervals, each measured once. Held-out families are known ground ([why](../../docs/results.md)), test families
are not.

{figures}

Under [one disturbance at a time](../../docs/explanation/simulation.md#disturbances), which it is not told of:

{disturbed}

![The first pictures of three episodes, clean and under each disturbance, in the order of the table](disturbances.png)

By shape, one object, seed {seed}:

| | |
| --- | --- |
{families}

## Where it fails
The ends of the first failures among grasps of one to five test objects:

![Ends of failed grasps](failures.png)

## How it was made
{commands}

Then `qtopt export`; `benchmarks/model_card.py` says how each figure is measured. Settings: `training.preset` in
`manifest.json`.
"""


def table(rows: dict[str, list[str]], heads: list[str]) -> str:
    """In Markdown: what each row is called, and its values, one a model."""
    lines = [["", *heads], ["---"] * (len(heads) + 1), *([name, *values] for name, values in rows.items())]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def card(release: Path, measured: dict[str, dict[str, Any]], meshes: Path) -> str:
    """What the model is, what it can do, where it fails, how to make it again."""
    training, profile, results = describe(release)["training"], profile_of(release), list(measured.values())
    camera = profile.cell.camera
    figures = {said: [counted(each[name]) for each in results] for name, (_, said) in plans(meshes).items() if said}
    disturbed = {}
    for name in (CLEAN, *DISTURBANCES):
        said = f"`{name}`: {DISTURBANCES[name].meaning}" if name in DISTURBANCES else "clean, one to three objects"
        disturbed[said] = [counted(each["disturbed"]["results"][name]) for each in results]
    disturbed["mean of the disturbances"] = [f"{each['disturbed']['mean_disturbed']:.1%}" for each in results]
    released = next(each for model, each in measured.items() if model.rpartition("-")[2] == str(training["seed"]))
    families = [
        (split, ", ".join(f"{name} {done} of {tried}" for name, (done, tried) in released[split]["families"].items()))
        for split in ("held-out", "test", "flat-boxes")
    ]
    return CARD.format(
        name=release.name,
        pixels=profile.observation.image_size[0],
        view=camera.view,
        mount="on the hand" if camera.mount == "hand" else "in the base frame",
        place=", ".join(f"{value:g}" for value in camera.position),
        jaw=profile.cell.jaw.aperture * 1000,
        steps=training["steps"],
        episodes=training["episodes"],
        seed=training["seed"],
        figures=table(figures, list(measured)),
        disturbed=table(disturbed, list(measured)),
        families="\n".join(f"| {split} | {said} |" for split, said in families),
        commands="\n".join(f"    {line}" for line in training["commands"]),
    )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="+", help="exported models, one a seed, that end in -SEED")
    parser.add_argument("--release", type=Path, required=True, help="its folder, to write README.md in")
    parser.add_argument("--meshes", type=Path, required=True, help="a folder of meshes")
    parser.add_argument("--results", type=Path, default=Path("runs/card"), help="results so far (default: runs/card)")
    parser.add_argument("--json", type=Path, help="write all results to this file, too")
    parser.add_argument("--episodes", type=int, default=500, help="of each evaluation (default: 500)")
    arguments = parser.parse_args()
    results, meshes = arguments.results, arguments.meshes
    measured = {
        model.name: {
            name: evaluated(model, plan, arguments.episodes, results / model.name / f"{name}.json")
            for name, (plan, _) in plans(meshes).items()
        }
        for model in arguments.models
    }
    draw_failures(arguments.release, arguments.release / "failures.png")
    draw_disturbances(arguments.release, arguments.release / "disturbances.png")
    (arguments.release / "README.md").write_text(card(arguments.release, measured, meshes), encoding="utf-8")
    if arguments.json:
        arguments.json.write_text(json.dumps(measured, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
