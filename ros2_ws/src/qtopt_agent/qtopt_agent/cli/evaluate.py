"""qtopt evaluate: success rate of a model."""

from typing import Annotated

import typer

from qtopt_agent.cli.results import JsonFile, printed_as_json
from qtopt_agent.cli.rollout_options import (
    CellName,
    Clutter,
    LooksOption,
    MaxMeshes,
    Model,
    Objects,
    Seed,
    Workers,
    in_cell,
)
from qtopt_agent.cli.rollout_run import describe_success, run_plan
from qtopt_agent.core.clutter import parse_clutter
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.printable import printable


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
    json_file: JsonFile = None,
    record: Annotated[bool, typer.Option("--record", help="Add the result to the model's manifest.")] = False,
    policy_pt: Annotated[
        bool, typer.Option("--policy-pt", help="Run policy.pt instead of the weights: code from that file runs.")
    ] = False,
) -> None:
    """Measure how often a model succeeds in simulation.

    It sees images alone. The interval is Wilson's, 95 %.
    """
    from qtopt_agent.core.looks import of_kind
    from qtopt_agent.models.folder import check_recordable, profile_of, record_evaluation
    from qtopt_agent.models.released import find_model
    from qtopt_agent.rollouts.parallel import RolloutPlan

    model = find_model(model)
    if record:
        if cell:
            raise InvalidInput(f"--record is for the model's own cell, --cell is {cell}: leave one of them out")
        check_recordable(model)
    plan = RolloutPlan(
        str(model),
        in_cell(profile_of(model), cell),
        objects,
        parse_clutter(clutter),
        seed,
        max_meshes,
        policy_pt=policy_pt,
        looks=of_kind(looks),
    )
    result, _ = run_plan(plan, episodes, workers, "grasping")
    if record:
        record_evaluation(model, result.to_json())
    if printed_as_json(json_file, result.to_json()):
        return
    typer.echo(describe_success(result))
    for family, (done, tried) in result.families.items():
        typer.echo(f"  {printable(family)}: {done} of {tried}")
    typer.echo(f"{result.wall_s:.0f} s; {result.decisions_per_s:.0f} decisions/s on one thread")
