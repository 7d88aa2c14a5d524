"""qtopt bench simulate: speed of the embedded simulator."""

from typing import Annotated

import typer

from qtopt_agent.cli.progress import progress
from qtopt_agent.cli.results import JsonFile, print_table, printed_as_json

CASES = ((0, 1), (32, 1), (64, 1), (96, 1), (64, 5))
"""Image height and width in px (0: no camera), and objects in the bin."""


def simulate(
    seconds: Annotated[float, typer.Option(min=0.1, max=3600, help="Time for each row, s.")] = 5.0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of objects and motions.")] = 0,
    json_file: JsonFile = None,
) -> None:
    """Measure control steps a second of the simulator.

    On one core, for several image sizes and numbers of objects.
    """
    from dataclasses import asdict

    from qtopt_agent.speed.simulation import measure_simulation

    with progress() as bar:
        rows = [measure_simulation(*case, seconds, seed) for case in bar.track(CASES, description="simulating")]
    if printed_as_json(json_file, [asdict(row) for row in rows]):
        return
    print_table(
        ["image, px", "objects", "control steps/s", "reset, ms"],
        [[str(r.image_px), str(r.objects), f"{r.control_steps_per_s:.0f}", f"{r.reset_ms:.1f}"] for r in rows],
    )
