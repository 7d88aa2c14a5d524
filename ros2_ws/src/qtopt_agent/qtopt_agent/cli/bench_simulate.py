"""qtopt bench simulate: speed of the embedded simulator."""

import json
from typing import Annotated

import typer

from qtopt_agent.cli.rollout_options import JsonFile

CASES = ((0, 1), (32, 1), (64, 1), (96, 1), (64, 5))
"""Image height and width in px (0: no camera), and objects in the bin."""


def simulate(
    seconds: Annotated[float, typer.Option(min=0.1, help="Time for each row, s.")] = 5.0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of objects and motions.")] = 0,
    json_file: JsonFile = None,
) -> None:
    """Control steps a second on one core, for several image sizes and numbers of objects."""
    from dataclasses import asdict

    from rich.console import Console
    from rich.progress import track
    from rich.table import Table

    from qtopt_agent.runtime.simulation_speed import measure_simulation

    bar = Console(stderr=True)
    rows = [measure_simulation(*case, seconds, seed) for case in track(CASES, "simulating", console=bar)]
    table = Table("image, px", "objects", "control steps/s", "reset, ms")
    for row in rows:
        table.add_row(str(row.image_px), str(row.objects), f"{row.control_steps_per_s:.0f}", f"{row.reset_ms:.1f}")
    Console().print(table)
    if json_file is not None:
        json_file.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n", encoding="utf-8")
