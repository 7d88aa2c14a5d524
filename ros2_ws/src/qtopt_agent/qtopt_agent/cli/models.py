"""qtopt models: what there is, and whether it is whole."""

import json as json_module
from pathlib import Path
from typing import Annotated

import typer


def list_models(
    store: Annotated[Path | None, typer.Argument(help="Folder of models; by default the released ones.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the manifests as JSON.")] = False,
) -> None:
    """List models, oldest first, with their newest evaluation."""
    from qtopt_agent.runtime import model_store

    manifests = [
        (folder, model_store.describe(folder))
        for folder in model_store.list_models(store or model_store.released_models())
    ]
    if json:
        typer.echo(json_module.dumps([manifest for _, manifest in manifests], indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("model", "profile", "created", "success", "95 % interval", "objects", "episodes")
    for folder, manifest in manifests:
        figures = ["not evaluated", "", "", ""]
        if manifest["evaluations"]:
            newest = manifest["evaluations"][-1]
            interval = f"{newest['wilson_low']:.1%} to {newest['wilson_high']:.1%}"
            figures = [f"{newest['success']:.1%}", interval, newest["objects"], str(newest["episodes"])]
        table.add_row(str(folder), manifest["profile"], manifest["created"], *figures)
    Console().print(table)


def verify(model: Annotated[Path, typer.Argument(help="A model's folder.")]) -> None:
    """Compare a model's files with its manifest, load it and let it decide once."""
    from qtopt_agent.runtime import model_store

    policy = model_store.load(model)
    typer.echo(f"{policy.name}: files, specification and a first decision are as they should be")
