"""qtopt train: learn a Q-function from simulated or recorded episodes."""

import math
import shlex
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qtopt_agent.cli.results import JsonFile, printed_as_json
from qtopt_agent.cli.rollout_options import CellName, Device, named_cell
from qtopt_agent.cli.writable import writable_folder

if TYPE_CHECKING:
    from qtopt_agent.learning.preset import Preset
    from qtopt_agent.training.distributed.run import RayTraining
    from qtopt_agent.training.run import Outcome


def train(
    out: Annotated[Path, typer.Option(callback=writable_folder, help="Folder of the run: checkpoint, replay, curves.")],
    preset: Annotated[
        str,
        typer.Option(
            help="detailed, compact, finetune, lowdim, paper, paper-small, ddpg, dqn, naf, q2opt, qtopt-v2, qtopt-v3, "
            "or a .yaml file."
        ),
    ] = "detailed",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Override a setting: key=value, as docs/reference/settings.md lists them."),
    ] = None,
    cell: CellName = None,
    steps: Annotated[int | None, typer.Option(min=1, show_default="preset's", help="Gradient steps.")] = None,
    minutes: Annotated[
        float | None,
        typer.Option(min=0, max=100_000, show_default="no limit", help="Stop after so many minutes; resume later."),
    ] = None,
    actors: Annotated[
        int | None, typer.Option(min=0, max=1024, show_default="one a spare core", help="Actor processes.")
    ] = None,
    episodes: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DIR[=SHARE]",
            help="Learn from recorded episodes and collect none; their share of each batch. May be given again.",
        ),
    ] = None,
    online: Annotated[
        bool, typer.Option(help="With --episodes: collect in simulation too, for replay.simulation_share of a batch.")
    ] = False,
    hold_back: Annotated[
        float, typer.Option(min=0, max=0.9, help="Share of the recorded episodes left for `qtopt models compare`.")
    ] = 0.2,
    init: Annotated[
        Path | None, typer.Option(help="Begin with the weights of this model, a folder or a released one's name.")
    ] = None,
    device: Device = "auto",
    ray: Annotated[
        str | None,
        typer.Option(metavar="local|ADDRESS", help="Learn with actors of Ray: on this machine, or where Ray runs."),
    ] = None,
    scale: Annotated[
        list[str] | None,
        typer.Option(help="With --ray: key=value, as docs/how-to/scale-out.md lists them. May be given again."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of weights, objects and exploration.")] = 0,
    resume: Annotated[bool, typer.Option(help="Go on from the checkpoint in the run's folder.")] = False,
    json_file: JsonFile = None,
) -> None:
    """Learn a Q-function from simulated or recorded episodes.

    One process learns, and one a spare core collects; with --ray actors of Ray do, on one machine or many. Schedules
    follow gradient steps, not time. Ctrl-C writes a checkpoint and exits with 130; --resume goes on from it.
    """
    import torch

    from qtopt_agent.core.errors import InvalidInput
    from qtopt_agent.learning.preset import load_preset
    from qtopt_agent.models.released import find_model
    from qtopt_agent.processes.cores import usable_cores
    from qtopt_agent.processes.device import find_device
    from qtopt_agent.processes.folder_lock import one_process
    from qtopt_agent.processes.memory import keep_freed_memory
    from qtopt_agent.training.distributed.scale import cores, make_scale
    from qtopt_agent.training.distributed.session import ray_session
    from qtopt_agent.training.export import COMMANDS
    from qtopt_agent.training.initial import in_cell_of
    from qtopt_agent.training.recorded import parse_folder
    from qtopt_agent.training.run import Training
    from qtopt_agent.training.saved_run import preset_of, read_run

    folders = [parse_folder(each) for each in episodes or ()]
    if resume and (folders or init):
        raise InvalidInput("--resume goes on with the run's own model and episodes: leave out --init and --episodes")
    learns_on = find_device(device)
    named_cell(cell)  # refuses blanks, which as a setting would mean the default
    torch.set_num_threads(1)  # small networks lose by more, and the other cores belong to the actors
    keep_freed_memory()
    changes = [
        *(settings or []),
        *([f"cell={cell}"] if cell else []),
        *([f"steps={steps}"] if steps is not None else []),
    ]
    model = find_model(init) if init else None
    begun = load_preset(preset).override(changes) if not resume else None
    if begun is not None and model is not None:
        begun = in_cell_of(begun, model)
    count = max(1, usable_cores() - 1) if actors is None else actors
    laid_out = make_scale(scale or [])
    if scale and ray is None:
        raise InvalidInput("--scale says how a run with --ray is laid out: add --ray, or leave it out")
    with ExitStack() as entered:
        if ray is not None:  # first, so that one that is not there leaves no folder
            entered.enter_context(ray_session(ray, cores(count, laid_out)))
        if begun is not None:
            out.mkdir(parents=True, exist_ok=True)
        entered.enter_context(one_process(out))
        chosen = begun or preset_of(read_run(out), out).override(changes)
        begin: Callable[..., Training | RayTraining] = Training
        if ray is not None:
            from qtopt_agent.training.distributed import run as distributed

            begin = partial(distributed.RayTraining, scale=laid_out)
        training = begin(
            chosen,
            out,
            seed=seed,
            actors=count,
            episodes=folders,
            collect=True if online else False if folders else None,
            resume=resume,
            hold_back=hold_back,
            init=model,
            device=learns_on,
        )
        with (out / COMMANDS).open("a", encoding="utf-8") as file:
            file.write(shlex.join(["qtopt", *sys.argv[1:]]) + "\n")
        outcome = training.run(math.inf if minutes is None else minutes)
    if not printed_as_json(json_file, vars(outcome) | {"of_steps": chosen.steps, "run": out}):
        _tell(outcome, chosen, out)
    if outcome.interrupted:
        raise typer.Exit(130)


def _tell(outcome: "Outcome", preset: "Preset", out: Path) -> None:
    typer.echo(f"{outcome.steps} of {preset.steps} gradient steps done; run in {out}")
    for objects, success in outcome.success.items():
        typer.echo(f"success on {objects} objects: {success:.1%} of {preset.housekeeping.evaluate_episodes} episodes")
    if outcome.steps == preset.steps:
        typer.echo(f"make a model of it with: qtopt export --run {out} --version NAME")
    else:
        typer.echo(f"go on with: qtopt train --out {out} --resume")
