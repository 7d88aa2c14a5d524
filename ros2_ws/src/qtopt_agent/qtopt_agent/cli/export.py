"""qtopt export: make a model of a training run."""

from pathlib import Path
from typing import Annotated

import typer

from qtopt_agent.cli.results import JsonFile, printed_as_json
from qtopt_agent.cli.writable import writable_folder


def export(
    run: Annotated[Path, typer.Option(help="Folder of the training run.")],
    version: Annotated[str, typer.Option(help="Name of the new model.")],
    store: Annotated[Path, typer.Option(callback=writable_folder, help="Folder of models.")] = Path("models"),
    maximizer: Annotated[
        str | None,
        typer.Option(show_default="preset's", help="Search at run time: cem, icem, cma_es, random, grid, proposal."),
    ] = None,
    samples: Annotated[int, typer.Option(min=1, help="Samples an iteration, at run time.")] = 64,
    elites: Annotated[int, typer.Option(min=1, help="Elites of CEM.")] = 6,
    iterations: Annotated[int, typer.Option(min=1, help="Iterations of the search.")] = 2,
    json_file: JsonFile = None,
) -> None:
    """Make a model of a training run.

    A model is a folder with policy.pt (TorchScript), q.safetensors and manifest.json.
    """
    from qtopt_agent.training.export import export_run

    folder = export_run(run, store, version, samples, elites, iterations, maximizer)
    if printed_as_json(json_file, {"model": version, "folder": folder}):
        return
    typer.echo(f"{folder}; next: qtopt evaluate --model {folder} --record")
