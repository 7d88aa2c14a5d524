"""`qtopt models describe`: the layers of a profile's network."""

from typing import Annotated

import typer


def describe(
    profile: Annotated[str, typer.Option(help="Profile whose network is shown: paper, compact or lowdim.")] = "compact",
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Show each layer's output shape (height, width, channels) and number of parameters."""
    import dataclasses
    import json as json_module

    from rich.console import Console
    from rich.table import Table

    from qtopt_agent.core.profile import get_profile
    from qtopt_agent.q_functions import make_q_function
    from qtopt_agent.q_functions.describe import describe as layers_of

    chosen = get_profile(profile)
    q = make_q_function(chosen)
    layers = layers_of(q, chosen)
    total = sum(p.numel() for p in q.parameters())
    if json:
        summary = {
            "profile": chosen.name,
            "network": chosen.network,
            "image": [*chosen.observation.image_size, 3],
            "state": chosen.observation.state_names,
            "action_size": chosen.action_space.size,
            "parameters": total,
            "layers": [dataclasses.asdict(layer) for layer in layers],
        }
        print(json_module.dumps(summary, indent=2))
        return
    table = Table(title=f"{chosen.name}: network {chosen.network}, {total:,} parameters")
    table.add_column("layer")
    table.add_column("kind")
    table.add_column("output")
    table.add_column("parameters", justify="right")
    for layer in layers:
        table.add_row(layer.name, layer.kind, " x ".join(map(str, layer.shape)), f"{layer.parameters:,}")
    Console().print(table)
