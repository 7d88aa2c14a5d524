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
    samples: Annotated[
        int | None, typer.Option(min=1, show_default="64", help="Samples an iteration, at run time.")
    ] = None,
    elites: Annotated[int | None, typer.Option(min=1, show_default="6", help="Elites of CEM.")] = None,
    iterations: Annotated[int | None, typer.Option(min=1, show_default="2", help="Iterations of the search.")] = None,
    json_file: JsonFile = None,
) -> None:
    """Make a model of a training run.

    A model is a folder with policy.pt (TorchScript), q.safetensors and manifest.json.

    Where none of the four settings of the search is given and the preset's is cem, the paper's network searches by
    cma_es, 9 times 8 samples.
    """
    from qtopt_agent.training.export import export_run

    folder = export_run(run, store, version, samples, elites, iterations, maximizer)
    if printed_as_json(json_file, {"model": version, "folder": folder}):
        return
    typer.echo(f"{folder}; next: qtopt evaluate --model {folder} --record")
