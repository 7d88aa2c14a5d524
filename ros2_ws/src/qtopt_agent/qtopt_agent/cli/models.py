"""qtopt models: what there is, and whether it is whole."""

from pathlib import Path
from typing import Annotated

import typer

from qtopt_agent.cli.results import JsonFile, print_table, printed_as_json


def list_models(
    store: Annotated[Path | None, typer.Argument(help="Folder of models; by default the released ones.")] = None,
    json_file: JsonFile = None,
) -> None:
    """List models, oldest first, with their evaluations."""
    from qtopt_agent.models import store as model_store
    from qtopt_agent.runtime.released import released_models

    store = store or released_models()
    manifests = [model_store.describe(folder) for folder in model_store.list_models(store)]
    if printed_as_json(json_file, manifests):
        return
    rows = []
    for manifest in manifests:
        for result in manifest["evaluations"]:
            fewest, most = result["clutter"]
            objects = f"{result['objects']}, {fewest} to {most} a bin" if fewest < most else result["objects"]
            interval = f"{result['wilson_low']:.1%} to {result['wilson_high']:.1%} of {result['episodes']}"
            rows.append([manifest["version"], manifest["profile"], objects, f"{result['success']:.1%} ({interval})"])
        if not manifest["evaluations"]:
            rows.append([manifest["version"], manifest["profile"], "", "not evaluated"])
    print_table(["model", "profile", "objects", "success (95 % interval)"], rows, title=f"models in {store}")


def verify(
    model: Annotated[Path, typer.Argument(help="A model: its folder, or a released one's name.")],
    json_file: JsonFile = None,
) -> None:
    """Compare a model with its manifest and let it decide once."""
    from qtopt_agent.models import store as model_store
    from qtopt_agent.runtime.released import find_model

    policy = model_store.load(find_model(model))
    if printed_as_json(json_file, {"model": policy.name, "whole": True}):
        return
    typer.echo(f"{policy.name}: files, specification and a first decision are as they should be")
