"""`qtopt models describe`: the layers of a profile's network."""

from typing import Annotated

import typer

from qtopt_agent.cli.results import JsonFile, print_table, printed_as_json


def describe(
    profile: Annotated[
        str, typer.Option(help="Profile whose network is shown: paper, compact, detailed or lowdim.")
    ] = "compact",
    json_file: JsonFile = None,
) -> None:
    """Show the layers of a profile's network.

    For each its output's shape (height, width, channels) and its number of parameters.
    """
    import dataclasses

    from qtopt_agent.core.profile import get_profile
    from qtopt_agent.q_functions import make_q_function
    from qtopt_agent.q_functions.describe import describe as layers_of

    chosen = get_profile(profile)
    q = make_q_function(chosen)
    layers = layers_of(q, chosen)
    total = sum(p.numel() for p in q.parameters())
    summary = {
        "profile": chosen.name,
        "network": chosen.network,
        "image": [*chosen.observation.image_size, 3],
        "state": chosen.observation.state_names,
        "action_size": chosen.action_space.size,
        "parameters": total,
        "layers": [dataclasses.asdict(layer) for layer in layers],
    }
    if printed_as_json(json_file, summary):
        return
    print_table(
        ["layer", "kind", "output", "parameters"],
        [[each.name, each.kind, " x ".join(map(str, each.shape)), f"{each.parameters:,}"] for each in layers],
        title=f"{chosen.name}: network {chosen.network}, {total:,} parameters",
    )
