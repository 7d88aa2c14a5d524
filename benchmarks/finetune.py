"""Learning from what an arm saw, small: is the next model better there, and are worse ones refused?

    .venv/bin/python -m benchmarks.finetune --model models/mine --out runs/arm

The "arm" is the embedded world with another camera, other looks and less friction than the model learned with. Records
300 attempts on it, makes candidates, compares each with the model and lets both grasp on the arm. About an hour on two
free cores; --record, --steps and --grasps make it shorter.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np

from qtopt_agent.core.cell import Cell
from qtopt_agent.core.episode import Episode
from qtopt_agent.core.looks import only
from qtopt_agent.core.observation import Observation
from qtopt_agent.core.profile import get_profile
from qtopt_agent.episodes.reader import iter_episodes
from qtopt_agent.episodes.split import held_back
from qtopt_agent.episodes.writer import EpisodeWriter
from qtopt_agent.maximizers import CEM
from qtopt_agent.models.folder import profile_of
from qtopt_agent.models.publish import publish
from qtopt_agent.q_functions import make_q_function
from qtopt_agent.rollouts.evaluation import EvaluationResult, evaluate
from qtopt_agent.rollouts.parallel import RolloutPlan
from qtopt_agent.simulation import PRIVILEGED_SIZE
from qtopt_agent.training.comparison import compare

LOOKS = only(
    warmth=(0.2, 0.2), pixel_noise=(12.0, 12.0), friction=(0.5, 0.5), motion_error=(0.15, 0.15), picture_age=(1.0, 1.0)
)
HOLD_BACK = 0.2


def arm(cell: Cell) -> Cell:
    """`cell` with its camera 30 mm off, and a focal length 1.15 times as long."""
    camera = cell.camera
    (fx, fy, cx, cy), (x, y, z) = camera.intrinsics, camera.position
    moved = replace(camera, position=(x, y + 0.03, z), vertical_view=0.0, fx=1.15 * fx, fy=1.15 * fy, cx=cx, cy=cy)
    return replace(cell, camera=moved)


def on_arm(model: Path, attempts: int, seed: int, workers: int, record: Path | None = None) -> EvaluationResult:
    """So many attempts of `model` on the arm, at validation objects."""
    profile = profile_of(model)
    plan = RolloutPlan(
        str(model), profile, "household-validation", (1, 1), seed, episodes=record, looks=LOOKS, cell=arm(profile.cell)
    )
    return evaluate(plan, attempts, workers)[0]


def as_an_arm_records(episode: Episode) -> Episode:
    """`episode` without what only a simulator knows."""

    def bare(seen: Observation) -> Observation:
        return replace(seen, privileged=None)

    steps = tuple(replace(step, observation=bare(step.observation)) for step in episode.steps)
    return replace(episode, steps=steps, final=bare(episode.final))


def shuffled(episodes: Sequence[Episode]) -> list[Episode]:
    """The same with outcomes dealt anew."""
    order = np.random.default_rng(0).permutation(len(episodes))
    made = []
    for episode, other in zip(episodes, order, strict=True):
        success = episodes[other].success
        reward = get_profile(episode.profile).reward(True, success)
        steps = (*episode.steps[:-1], replace(episode.steps[-1], reward=reward))
        made.append(replace(episode, success=success, steps=steps))
    return made


def learned(name: str, model: Path, episodes: Path, out: Path, options: Sequence[str]) -> Path:
    """A candidate called `name`, by the command line."""
    run, store = out / f"run-{name}", out / "candidates"
    qtopt = [sys.executable, "-m", "qtopt_agent.cli.main"]
    train = ["train", "--preset", "finetune", "--init", str(model), "--episodes", str(episodes), "--out", str(run)]
    subprocess.run([*qtopt, *train, *options], check=True)
    subprocess.run([*qtopt, "export", "--run", str(run), "--store", str(store), "--version", name], check=True)
    return store / name


def main() -> None:
    """Print a table of the candidates."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--record", type=int, default=300)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--grasps", type=int, default=300)
    parser.add_argument("--simulate", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    a = parser.parse_args()
    on_arm(a.model, a.record, 100, a.workers, a.out / "raw")
    episodes = [as_an_arm_records(each) for each in iter_episodes(a.out / "raw")]
    five = list(islice((each for each in episodes if not held_back(each.episode_id, HOLD_BACK)), 5))
    for name, part in {"all": episodes, "five": five, "shuffled": shuffled(episodes)}.items():
        writer = EpisodeWriter(a.out / name)
        for each in part:
            writer.write(each)
    profile, steps = profile_of(a.model), ["--set", f"steps={a.steps}"]
    search = CEM(profile.action_space, samples=64, elites=6, iterations=2)
    untrained = make_q_function(profile, PRIVILEGED_SIZE, seed=1)
    candidates = {
        "mixed": learned("mixed", a.model, a.out / "all", a.out, [*steps, "--online"]),
        "recorded-alone": learned("recorded-alone", a.model, a.out / "all", a.out, steps),
        "random": publish(a.out / "candidates", "random", profile, untrained, search, {}, mirrored=True),
        "shuffled": learned("shuffled", a.model, a.out / "shuffled", a.out, steps),
        "five": learned("five", a.model, a.out / "five", a.out, steps),
    }
    before = on_arm(a.model, a.grasps, 9_000, a.workers)
    print(f"incumbent on the arm: {before.success:.1%} ({before.wilson_low:.1%} to {before.wilson_high:.1%})")
    for name, folder in candidates.items():
        found = compare(a.model, folder, [a.out / "all"], HOLD_BACK, a.simulate, 0, a.workers)
        after = on_arm(folder, a.grasps, 9_000, a.workers)
        print(
            f"{name}: {after.success:.1%} ({after.wilson_low:.1%} to {after.wilson_high:.1%}); "
            f"{'wins' if found.won else '; '.join(found.reasons)}",
            flush=True,
        )


if __name__ == "__main__":
    main()
