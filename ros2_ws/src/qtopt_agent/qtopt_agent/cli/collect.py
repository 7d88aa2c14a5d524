"""qtopt collect: record episodes."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from qtopt_agent.cli.results import JsonFile, printed_as_json
from qtopt_agent.cli.rollout_options import (
    CellName,
    Clutter,
    LooksOption,
    MaxMeshes,
    Objects,
    Seed,
    Workers,
    named_cell,
)
from qtopt_agent.cli.rollout_run import describe_success, run_plan
from qtopt_agent.cli.writable import writable_folder
from qtopt_agent.core.clutter import parse_clutter


def collect(
    out: Annotated[Path, typer.Option(callback=writable_folder, help="Folder for the episodes, in dated folders.")],
    policy: Annotated[
        str, typer.Option(help="scripted, random, random-script, blobs, or a model: folder or released name.")
    ] = "scripted",
    profile: Annotated[
        str, typer.Option(help="paper, compact, detailed or lowdim; a model brings its own.")
    ] = "compact",
    cell: CellName = None,
    objects: Objects = "train",
    clutter: Clutter = "1",
    max_meshes: MaxMeshes = None,
    episodes: Annotated[int, typer.Option(min=1, help="Episodes to record.")] = 1000,
    looks: LooksOption = "plain",
    whole_frames: Annotated[
        bool, typer.Option(help="Record all that the camera sees, for augmentation.random_crop; the cell crops later.")
    ] = False,
    seed: Seed = 0,
    workers: Workers = None,
    json_file: JsonFile = None,
) -> None:
    """Grasp in simulation and record every attempt.

    Each becomes a rosbag2 bag (MCAP). Ctrl-C ends with the episodes that are under way.
    """
    from qtopt_agent.core.looks import of_kind
    from qtopt_agent.core.profile import get_profile
    from qtopt_agent.rollouts.parallel import NO_MODEL, RolloutPlan

    other = named_cell(cell)
    if policy in NO_MODEL:
        seen = get_profile(profile)
        seen = replace(seen, cell=other or seen.cell)  # which the script goes by
    else:
        from qtopt_agent.models.folder import profile_of
        from qtopt_agent.models.released import find_model

        policy = str(find_model(policy))
        seen = profile_of(Path(policy))
    plan = RolloutPlan(
        policy,
        seen,
        objects,
        parse_clutter(clutter),
        seed,
        max_meshes,
        out,
        looks=of_kind(looks),
        cell=other,
        whole_frames=whole_frames,
    )
    result, _ = run_plan(plan, episodes, workers, "collecting")
    if printed_as_json(json_file, result.to_json()):
        return
    typer.echo(describe_success(result))
    typer.echo(f"{result.episodes} episodes in {out}, {result.episodes / result.wall_s:.1f}/s")
