"""qtopt bench decide: decisions a second."""

import json
import os
from typing import Annotated

import typer

from qtopt_agent.cli.rollout_options import JsonFile


def decide(
    profiles: Annotated[str, typer.Option(help="Profiles to measure, separated by commas.")] = "compact,paper",
    threads: Annotated[
        list[int] | None, typer.Option(min=1, help="Threads; repeat for several. By default 1 and all cores.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=0.01, help="Time for each row, s; slow methods take longer.")] = 3.0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of weights, images and samples.")] = 0,
    json_file: JsonFile = None,
) -> None:
    """Decisions a second, 1 state and 8 at once, against the usual ways to decide.

    scripted is what a robot runs; scripted-bf16 the same in half precision. eager-loop is a Python loop over the
    search's iterations, per-sample runs the whole network, image and all, for every sampled action.
    """
    from dataclasses import asdict

    from rich.box import SIMPLE
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TimeElapsedColumn
    from rich.table import Table

    from qtopt_agent.core.profile import get_profile
    from qtopt_agent.runtime.decision_speed import DecisionSpeed, measure_decisions

    chosen = [get_profile(name.strip()) for name in profiles.split(",")]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    counts = sorted(set(threads or [1, cores]))
    cases = [(profile, count, batch) for profile in chosen for count in counts for batch in (1, 8)]
    rows: list[DecisionSpeed] = []
    columns = (SpinnerColumn(), *Progress.get_default_columns(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("deciding", total=len(cases))
        for profile, count, batch in cases:
            for result in measure_decisions(profile, count, batch, seconds, seed):
                if isinstance(result, DecisionSpeed):
                    rows.append(result)
                else:
                    progress.update(task, description=f"{profile.name}, {count} threads, batch {batch}: {result}")
            progress.advance(task)
    table = Table(box=SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in ("profile", "method"):
        table.add_column(heading, no_wrap=True)
    for heading in ("threads", "batch", "p50 ms", "p99 ms", "CPU ms", "per s", "x", "Q error"):
        table.add_column(heading, justify="right")
    for row in rows:
        figures = (row.threads, row.batch, row.p50_ms, row.p99_ms, row.cpu_ms, row.per_s, row.faster)
        table.add_row(
            row.profile, row.method, *(f"{x:.3g}" if x < 100 else f"{x:.0f}" for x in figures), f"{row.q_error:.0e}"
        )
    Console().print(table)
    typer.echo(
        "CPU ms: processor time of all threads. x: times faster than per-sample. Q error: difference to eager-loop."
    )
    if json_file is not None:
        json_file.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n", encoding="utf-8")
