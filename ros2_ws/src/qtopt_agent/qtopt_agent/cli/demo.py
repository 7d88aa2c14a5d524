"""qtopt demo: watch a released model grasp."""

from pathlib import Path
from typing import Annotated

import typer

from qtopt_agent.cli.results import JsonFile, printed_as_json
from qtopt_agent.cli.rollout_options import Clutter, MaxMeshes, NewestModel, Objects, Seed, Workers, newest_unless
from qtopt_agent.cli.rollout_run import describe_success, run_plan
from qtopt_agent.cli.writable import writable_folder
from qtopt_agent.core.clutter import parse_clutter

PICTURE = (144, 192)  # px


def demo(
    out: Annotated[Path, typer.Option(callback=writable_folder, help="Folder for episodes and pictures.")] = Path(
        "demo"
    ),
    model: NewestModel = None,
    objects: Objects = "held-out",
    clutter: Clutter = "1-3",
    max_meshes: MaxMeshes = None,
    episodes: Annotated[int, typer.Option(min=1, help="Grasps to try.")] = 20,
    seed: Seed = 0,
    workers: Workers = None,
    json_file: JsonFile = None,
) -> None:
    """Watch a model grasp objects that it has never seen.

    Leaves the episodes, a contact sheet and an animation in --out.
    """
    from qtopt_agent.models.folder import profile_of
    from qtopt_agent.rollouts.parallel import RolloutPlan
    from qtopt_agent.rollouts.pictures import animation, contact_sheet, save_gif, save_png

    model, recorded = newest_unless(model), out / "episodes"
    plan = RolloutPlan(
        str(model), profile_of(model), objects, parse_clutter(clutter), seed, max_meshes, recorded, PICTURE
    )
    result, rollouts = run_plan(plan, episodes, workers, "grasping")
    pictures = [rollout.pictures for rollout in rollouts if rollout.pictures is not None]
    successes = [rollout.success for rollout in rollouts]
    save_png(contact_sheet(pictures, successes), out / "grasps.png")
    save_gif(animation(pictures, successes), out / "grasps.gif")
    if printed_as_json(json_file, result.to_json()):
        return
    typer.echo(f"model {model.name}, {objects} objects, {clutter} in the bin")
    typer.echo(describe_success(result))
    typer.echo(f"{result.decisions_per_s:.0f} decisions/s on one thread")
    typer.echo(f"episodes:      {recorded}  (qtopt episodes list {recorded})")
    typer.echo(f"contact sheet: {out / 'grasps.png'}")
    typer.echo(f"animation:     {out / 'grasps.gif'}")
