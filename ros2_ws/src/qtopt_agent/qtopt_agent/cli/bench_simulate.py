"""qtopt bench simulate: speed of the embedded simulator."""

from typing import Annotated

import typer

from qtopt_agent.cli.progress import progress
from qtopt_agent.cli.results import JsonFile, print_table, printed_as_json

CASES = (
    (0, 1, "plain"),
    (32, 1, "plain"),
    (32, 1, "surfaces"),
    (64, 1, "plain"),
    (64, 1, "surfaces"),
    (96, 1, "plain"),
    (64, 5, "plain"),
)
"""Image height and width in px (0: no camera), objects in the bin, and looks."""


def simulate(
    seconds: Annotated[float, typer.Option(min=0.1, max=3600, help="Time for each row, s.")] = 5.0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of objects and motions.")] = 0,
    json_file: JsonFile = None,
) -> None:
    """Measure control steps a second of the simulator.

    On one core, for several image sizes, numbers of objects and looks.
    """
    from dataclasses import asdict

    from qtopt_agent.speed.simulation import measure_simulation

    with progress() as bar:
        rows = [
            measure_simulation(px, objects, seconds, seed, looks)
            for px, objects, looks in bar.track(CASES, description="simulating")
        ]
    if printed_as_json(json_file, [asdict(row) for row in rows]):
        return
    print_table(
        ["image, px", "objects", "looks", "control steps/s", "picture, ms", "reset, ms"],
        [
            [
                str(r.image_px),
                str(r.objects),
                r.looks,
                f"{r.control_steps_per_s:.0f}",
                f"{r.picture_ms:.2f}",
                f"{r.reset_ms:.1f}",
            ]
            for r in rows
        ],
    )
