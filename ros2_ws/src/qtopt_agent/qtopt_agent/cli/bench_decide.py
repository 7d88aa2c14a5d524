"""qtopt bench decide: decisions a second."""

import os
from typing import TYPE_CHECKING, Annotated

import typer

from qtopt_agent.cli.progress import progress
from qtopt_agent.cli.results import JsonFile, print_table, printed_as_json

if TYPE_CHECKING:
    from qtopt_agent.speed.decisions import DecisionSpeed


def decide(
    profiles: Annotated[str, typer.Option(help="Profiles to measure, separated by commas.")] = "compact,paper",
    threads: Annotated[
        list[int] | None,
        typer.Option(min=1, max=1024, show_default="1 and all cores", help="Threads; repeat for several."),
    ] = None,
    seconds: Annotated[
        float, typer.Option(min=0.01, max=3600, help="Time for each row, s; slow ones take longer.")
    ] = 3.0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of weights, images and samples.")] = 0,
    json_file: JsonFile = None,
) -> None:
    """Measure decisions a second, against the usual ways to decide.

    Each row decides on 1 state, or on 8 at once.

    torchscript is what a robot runs; torchscript-bf16 the same in half precision. eager-loop is a Python loop over the
    search's iterations, per-sample runs the whole network, image and all, for every sampled action,
    and is timed on 1 state only.
    """
    from dataclasses import asdict

    from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn

    from qtopt_agent.core.profile import get_profile
    from qtopt_agent.speed.decisions import DecisionSpeed, measure_decisions

    chosen = [get_profile(name.strip()) for name in profiles.split(",")]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    counts = sorted(set(threads or [1, cores]))
    cases = [(profile, count, batch) for profile in chosen for count in counts for batch in (1, 8)]
    rows: list[DecisionSpeed] = []
    columns = (*Progress.get_default_columns(), MofNCompleteColumn(), TimeElapsedColumn())
    with progress(*columns) as bar:
        task = bar.add_task("deciding", total=len(cases))
        for profile, count, batch in cases:
            for result in measure_decisions(profile, count, batch, seconds, seed):
                if isinstance(result, DecisionSpeed):
                    rows.append(result)
                else:
                    bar.update(task, description=f"{profile.name}, {count} threads, batch {batch}: {result}")
            bar.advance(task)
    if printed_as_json(json_file, [asdict(row) for row in rows]):
        return
    print_table(
        ["profile", "method", "threads", "batch", "p50 ms", "p99 ms", "CPU ms", "per s", "x", "Q error"],
        [_cells(row) for row in rows],
    )
    typer.echo("x: times as many states a second as per-sample. CPU ms: of all threads.")
    typer.echo("Q error: the largest difference to eager-loop.")


def _cells(row: "DecisionSpeed") -> list[str]:
    figures = (row.threads, row.batch, row.p50_ms, row.p99_ms, row.cpu_ms, row.per_s, row.faster)
    rounded = [f"{figure:.3g}" if figure < 100 else f"{figure:.0f}" for figure in figures]
    return [row.profile, row.method, *rounded, f"{row.q_error:.0e}"]
