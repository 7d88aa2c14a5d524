"""qtopt evaluate: success rate of a model."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qtopt_agent.cli.results import JsonFile, print_table, printed_as_json
from qtopt_agent.cli.rollout_options import (
    CellName,
    Clutter,
    Device,
    LooksOption,
    MaxMeshes,
    Model,
    Objects,
    Seed,
    Workers,
    named_cell,
)
from qtopt_agent.cli.rollout_run import describe_success, run_plan
from qtopt_agent.cli.writable import writable_file
from qtopt_agent.core.clutter import parse_clutter
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.printable import printable

if TYPE_CHECKING:
    from qtopt_agent.rollouts.parallel import RolloutPlan


def evaluate(
    model: Model,
    cell: CellName = None,
    objects: Objects = "held-out",
    clutter: Clutter = "1",
    max_meshes: MaxMeshes = None,
    episodes: Annotated[int, typer.Option(min=1, help="Grasps to try.")] = 500,
    looks: LooksOption = "plain",
    seed: Seed = 0,
    workers: Workers = None,
    device: Device = "cpu",
    json_file: JsonFile = None,
    record: Annotated[bool, typer.Option("--record", help="Add the result to the model's manifest.")] = False,
    policy_pt: Annotated[
        bool, typer.Option("--policy-pt", help="Run policy.pt instead of the weights: code from that file runs.")
    ] = False,
    disturb: Annotated[
        str | None,
        typer.Option(
            metavar="all|NAME[,NAME]",
            show_default="none",
            help="Try the same grasps clean and under each disturbance; docs/explanation/simulation.md lists them.",
        ),
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", callback=writable_file, help="With --disturb: a .png of what the model sees under each."
        ),
    ] = None,
) -> None:
    """Measure how often a model succeeds in simulation.

    It sees images alone. The interval is Wilson's, 95 %.
    """
    from qtopt_agent.core.looks import of_kind
    from qtopt_agent.models.folder import check_recordable, profile_of, record_evaluation
    from qtopt_agent.models.released import find_model
    from qtopt_agent.processes.device import find_device
    from qtopt_agent.rollouts.parallel import RolloutPlan

    if (record or disturb) and looks != "plain":
        raise InvalidInput(f"looks are {looks!r}, expected plain ones beside --record or --disturb")
    if disturb and record:
        raise InvalidInput("--disturb and --record: expected one of them, a manifest holds clean evaluations")
    if pictures and not disturb:
        raise InvalidInput(f"--pictures {pictures}: expected --disturb beside it")
    model = find_model(model)
    find_device(device)  # here, and not in every worker
    if record:
        if cell:
            raise InvalidInput(f"--record is for the model's own cell, --cell is {cell}: leave one of them out")
        check_recordable(model)
    plan = RolloutPlan(
        str(model),
        profile_of(model),
        objects,
        parse_clutter(clutter),
        seed,
        max_meshes,
        policy_pt=policy_pt,
        looks=of_kind(looks),
        cell=named_cell(cell),
        device=device,
    )
    if disturb:
        _evaluate_disturbed(plan, disturb, episodes, workers, json_file, pictures)
        return
    result, _ = run_plan(plan, episodes, workers, "grasping")
    if record:
        record_evaluation(model, result.to_json())
    if printed_as_json(json_file, result.to_json()):
        return
    typer.echo(describe_success(result))
    for family, (done, tried) in result.families.items():
        typer.echo(f"  {printable(family)}: {done} of {tried}")
    typer.echo(f"{result.wall_s:.0f} s; {result.decisions_per_s:.0f} decisions/s on one thread")


def _evaluate_disturbed(
    plan: "RolloutPlan", names: str, episodes: int, workers: int | None, json_file: Path | None, pictures: Path | None
) -> None:
    """Each disturbance beside clean: the same objects, places and hand."""
    from qtopt_agent.rollouts.disturbances import CLEAN, DISTURBANCES, chosen, disturbed, examples
    from qtopt_agent.rollouts.pictures import enlarged, save_png

    tried = chosen(names)
    results = {name: run_plan(disturbed(plan, name), episodes, workers, name)[0] for name in (CLEAN, *tried)}
    mean = sum(results[name].success for name in tried) / len(tried)
    if pictures:
        pictures.parent.mkdir(parents=True, exist_ok=True)
        save_png(
            enlarged(examples(plan.simulated, plan.objects, results, range(plan.seed, plan.seed + 3)), 3), pictures
        )
    report = {name: result.to_json() for name, result in results.items()}
    if printed_as_json(json_file, {"results": report, "mean_disturbed": mean}):
        return
    print_table(
        ["disturbance", "what it is", "of", "success", "95 % interval"],
        [
            [
                name,
                DISTURBANCES[name].meaning if name in DISTURBANCES else "none",
                f"{result.successes}/{result.episodes}",
                f"{result.success:.1%}",
                f"{result.wilson_low:.1%} to {result.wilson_high:.1%}",
            ]
            for name, result in results.items()
        ],
    )
    typer.echo(f"mean of the disturbances: {mean:.1%}")
