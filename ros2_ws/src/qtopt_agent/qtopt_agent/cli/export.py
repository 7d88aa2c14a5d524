"""qtopt export: make a model of a training run."""

from pathlib import Path
from typing import Annotated

import typer


def export(
    run: Annotated[Path, typer.Option(help="Folder of the training run.")],
    version: Annotated[str, typer.Option(help="Name of the new model.")],
    store: Annotated[Path, typer.Option(help="Folder of models.")] = Path("models"),
    samples: Annotated[int, typer.Option(min=1, help="CEM samples an iteration, at run time.")] = 64,
    elites: Annotated[int, typer.Option(min=1, help="CEM elites.")] = 6,
    iterations: Annotated[int, typer.Option(min=1, help="CEM iterations.")] = 2,
) -> None:
    """Write a run's checkpoint as a model version: policy.pt (TorchScript), q.safetensors and manifest.json."""
    from qtopt_agent.runtime.export import export_run

    folder = export_run(run, store, version, samples, elites, iterations)
    typer.echo(f"{folder}; next: qtopt evaluate --model {folder} --record")
