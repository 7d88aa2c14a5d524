"""Options that several commands have in common: which model, which objects, how many at once."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from qtopt_agent.core.cell import Cell

Model = Annotated[Path, typer.Option(help="A model: its folder, or a released one's name.")]
NewestModel = Annotated[
    Path | None, typer.Option(show_default="newest released", help="A model: its folder, or a released one's name.")
]
Clutter = Annotated[str, typer.Option(help="Objects in the bin: a number, or fewest-most as in 1-5.")]
Objects = Annotated[
    str,
    typer.Option(
        help="Shapes (train, validation, held-out, household, household-validation, test, flat-boxes) "
        "or a folder of meshes."
    ),
]
MaxMeshes = Annotated[
    int | None, typer.Option(min=1, show_default="all", help="Use only so many meshes of the folder, by name.")
]
LooksOption = Annotated[
    str,
    typer.Option(
        "--looks",
        help="plain, or what varies: randomised (all), surfaces, light, picture, camera or physics.",
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="Seed: the same one gives the same episodes.")]
CellName = Annotated[
    str | None,
    typer.Option("--cell", show_default="the model's or profile's", help="Bin, jaw and camera: a name or .yaml file."),
]
Device = Annotated[
    str, typer.Option(help="Where networks calculate: cpu, cuda, cuda:N, or auto for the first GPU if there is one.")
]
Workers = Annotated[int | None, typer.Option(min=1, max=1024, show_default="one a core", help="Worker processes.")]


def named_cell(cell: str | None) -> "Cell | None":
    """The cell that `cell`, given as CellName, means. Raises InvalidInput where there is none."""
    from qtopt_agent.cells.cell_file import load_cell

    return load_cell(cell) if cell else None


def newest_unless(model: Path | None) -> Path:
    """The folder that `model`, given as NewestModel, means: else the newest for the cell of the simulators.

    Raises InvalidInput where there is none.
    """
    from qtopt_agent.core.cell import EMBEDDED
    from qtopt_agent.models.released import find_model, released_models
    from qtopt_agent.models.store import latest

    return find_model(model) if model else latest(released_models(), EMBEDDED)
