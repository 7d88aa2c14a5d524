"""qtopt models: what there is, and whether it is whole."""

import json as json_module
from pathlib import Path
from typing import Annotated

import typer


def list_models(
    store: Annotated[Path | None, typer.Argument(help="Folder of models; by default the released ones.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the manifests as JSON.")] = False,
) -> None:
    """List models, oldest first, with what their evaluations found."""
    from qtopt_agent.models import store as model_store
    from qtopt_agent.runtime.released import released_models

    store = store or released_models()
    manifests = [model_store.describe(folder) for folder in model_store.list_models(store)]
    if json:
        typer.echo(json_module.dumps(manifests, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("model", "profile", "objects", "success (95 % interval)", title=f"models in {store}")
    for manifest in manifests:
        for result in manifest["evaluations"]:
            fewest, most = result["clutter"]
            objects = f"{result['objects']}, {fewest} to {most} a bin" if fewest < most else result["objects"]
            interval = f"{result['wilson_low']:.1%} to {result['wilson_high']:.1%} of {result['episodes']}"
            table.add_row(manifest["version"], manifest["profile"], objects, f"{result['success']:.1%} ({interval})")
        if not manifest["evaluations"]:
            table.add_row(manifest["version"], manifest["profile"], "", "not evaluated")
    Console().print(table)


def verify(model: Annotated[Path, typer.Argument(help="A model's folder.")]) -> None:
    """Compare a model's files with its manifest, load it and let it decide once."""
    from qtopt_agent.models import store as model_store

    policy = model_store.load(model)
    typer.echo(f"{policy.name}: files, specification and a first decision are as they should be")
