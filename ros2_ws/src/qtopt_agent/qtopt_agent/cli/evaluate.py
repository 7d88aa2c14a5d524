"""qtopt evaluate: success rate of a model."""

from pathlib import Path
from typing import Annotated

import typer

from qtopt_agent.cli.rollout_options import (
    Clutter,
    JsonFile,
    MaxMeshes,
    Objects,
    Seed,
    Workers,
    describe_success,
    parse_clutter,
    progress_bar,
    write_json,
)


def evaluate(
    model: Annotated[Path, typer.Option(help="A model's folder, as in models/.")],
    objects: Objects = "held-out",
    clutter: Clutter = "1",
    max_meshes: MaxMeshes = None,
    episodes: Annotated[int, typer.Option(min=1, help="Grasps to try.")] = 500,
    seed: Seed = 0,
    workers: Workers = None,
    json_file: JsonFile = None,
    record: Annotated[bool, typer.Option("--record", help="Add the result to the model's manifest.")] = False,
) -> None:
    """Let a model grasp in simulation, from images alone, and print how often it succeeds with its interval."""
    from qtopt_agent.core.profile import get_profile
    from qtopt_agent.models.store import record_evaluation, verify
    from qtopt_agent.runtime import evaluator
    from qtopt_agent.runtime.rollouts import RolloutPlan, usable_cores

    profile = get_profile(verify(model)["profile"])
    plan = RolloutPlan(str(model), profile, objects, parse_clutter(clutter), seed, max_meshes)
    with progress_bar(episodes, "grasping") as (on_done, on_mesh):
        result, _ = evaluator.evaluate(plan, episodes, workers or usable_cores(), on_done, on_mesh)
    write_json(json_file, result)
    if record:
        record_evaluation(model, result.to_json())
    typer.echo(describe_success(result))
    for family, (done, tried) in result.families.items():
        typer.echo(f"  {family}: {done} of {tried}")
    typer.echo(f"{result.wall_s:.0f} s; {result.decisions_per_s:.0f} decisions/s on one thread")
