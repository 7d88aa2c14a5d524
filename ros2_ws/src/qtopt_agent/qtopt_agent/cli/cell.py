"""qtopt cell: a lab's bin, jaw and camera as a file, checked against a photograph, the camera calibrated."""

import math
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qtopt_agent.cli.results import JsonFile, print_table, printed_as_json
from qtopt_agent.cli.writable import writable_file
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.printable import printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from qtopt_agent.cells.calibration import Calibration
    from qtopt_agent.core.cell import Camera, Cell

app = typer.Typer(no_args_is_help=True, help="Describe a cell: bin, jaw and camera; check and calibrate it.")

CellName = Annotated[str, typer.Argument(help="A cell: a shipped one's name, or a .yaml file.")]


@app.command()
def new(
    file: Annotated[Path, typer.Argument(callback=writable_file, help="For the cell; ends in .yaml.")],
    source: Annotated[str, typer.Option("--from", help="The cell to begin with: a name or a .yaml file.")] = "embedded",
    json_file: JsonFile = None,
) -> None:
    """Write a cell's file, to be edited.

    Every setting stands in it with its meaning and unit. A file that is there is left alone.
    """
    from qtopt_agent.cells.cell_file import load_cell, write_cell

    cell = load_cell(source)
    write_cell(cell, file, f"A copy of {source}, to be edited.")
    if not printed_as_json(json_file, {"file": file, "from": source, "cell": cell.grouped()}):
        typer.echo(printable(f"{file}: edit it, then see `qtopt cell show {file}`"))


@app.command()
def show(cell: CellName, json_file: JsonFile = None) -> None:
    """Show what a cell says, and what follows from it."""
    from qtopt_agent.cells.cell_file import load_cell
    from qtopt_agent.core.cell import SETTINGS
    from qtopt_agent.core.ranges import meaning

    found = load_cell(cell)
    derived = _derived(found)
    if printed_as_json(json_file, {"cell": found.grouped(), "derived": {name: value for name, value, _ in derived}}):
        return
    rows = [[name, _said(value), meaning(SETTINGS[name].type)] for name, value in found.settings().items()]
    rows += [[name, _said(value), words] for name, value, words in derived]
    print_table(["setting", "value", "meaning"], rows, title=f"cell {cell}")


def _derived(cell: "Cell") -> list[tuple[str, Any, str]]:
    """Name, value and meaning of what follows from the settings."""
    camera = cell.camera
    fx, fy, cx, _ = camera.intrinsics
    across = math.degrees(math.atan(cx / fx) + math.atan((camera.width - cx) / fx))
    return [
        ("view", (round(across, 1), round(camera.view, 1)), "of the whole stream, across and down, degrees"),
        ("window", camera.window((1, 1)), "left, top, width, height of a square picture, px"),
        ("focal length", (round(fx, 1), round(fy, 1)), "along x and y, px"),
        (
            "mirror images",
            tuple(["down", "across"][axis] for axis in cell.mirrors) or "none",
            "of its pictures that show the same task",
        ),
    ]


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


@app.command()
def check(
    cell: CellName,
    out: Annotated[Path, typer.Option(callback=writable_file, help="For the overlay; ends in .png.")],
    photograph: Annotated[Path | None, typer.Argument(help="A picture of the cell's camera, its jaw open.")] = None,
    topic: Annotated[
        str | None, typer.Option(help="In place of a photograph: where the camera's driver publishes.")
    ] = None,
    pose: Annotated[
        str | None,
        typer.Option(
            show_default="the middle of the start poses",
            help="The tip frame in the base frame: X,Y,Z,YAW in m and rad.",
        ),
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Lay what a cell says over a camera's picture.

    Draws the edges of bin and jaw where the camera should see them, and measures how far those of the jaw are from
    the nearest edges in the photograph.
    """
    from qtopt_agent.cells.cell_file import load_cell
    from qtopt_agent.cells.overlay import lay_over, middle_start, save_png, upright
    from qtopt_agent.cells.pinhole import read_picture

    if out.suffix != ".png":
        raise InvalidInput(f"{out}: expected the name of a picture to end in .png")
    found = load_cell(cell)
    place = middle_start(found) if pose is None else _numbers(pose)
    if photograph is not None and topic is None:
        if out.exists() and out.samefile(photograph):
            raise InvalidInput(f"{out} is the photograph, expected another file for the overlay")
        picture = read_picture(photograph, found.camera)
    elif topic is not None and photograph is None:
        picture = _published(topic, found.camera)
    else:
        raise InvalidInput("expected either a photograph or --topic")
    overlay = lay_over(found, picture, upright(*place))
    save_png(overlay.picture, out)
    result = {"picture": out, "pose": place, "jaw_distance_px": overlay.jaw_distance}
    if printed_as_json(json_file, result):
        return
    if overlay.jaw_distance is None:
        typer.echo("jaw:     not in the picture")
    else:
        typer.echo(
            f"jaw:     its edges lie {overlay.jaw_distance:.1f} px from the nearest in the photograph, on average"
        )
    typer.echo(printable(f"overlay: {out}"))


def _published(topic: str, camera: "Camera") -> "NDArray[np.uint8]":
    """The next picture on `topic`, uint8 [H, W, 3] RGB. Raises InvalidInput where none comes, or of another size."""
    from qtopt_agent.cells.pinhole import read_picture
    from qtopt_agent.cli.listener import heard_by
    from qtopt_agent.standalone.names import expand

    try:
        expand(topic, "snapshot", "/")
    except ValueError as error:
        raise InvalidInput(f"topic is {topic!r}, expected a topic's name, such as /camera/image_raw") from error
    with TemporaryDirectory() as folder:
        file = Path(folder) / "picture.png"
        if problem := heard_by("snapshot", {"topic": topic, "file": str(file)}):
            raise InvalidInput(problem)
        return read_picture(file, camera, f"the picture on {topic}")


def _numbers(text: str) -> tuple[float, float, float, float]:
    try:
        x, y, z, yaw = map(float, text.split(","))
    except ValueError as error:
        raise InvalidInput(f"pose is {text!r}, expected X,Y,Z,YAW in m and rad, such as 0.4,0,0.2,0") from error
    if not all(abs(each) <= 10 for each in (x, y, z, yaw)):  # NaN is not
        raise InvalidInput(f"pose is {text!r}, expected numbers from -10 to 10")
    return x, y, z, yaw


@app.command()
def calibrate(
    cell: CellName,
    folder: Annotated[Path, typer.Argument(help="Pictures of the board, and poses.yaml.")],
    out: Annotated[Path, typer.Option(callback=writable_file, help="For the calibrated cell; ends in .yaml.")],
    over: Annotated[bool, typer.Option("--over", help="Write over --out, if it is there.")] = False,
    max_residual: Annotated[
        float, typer.Option(min=0.1, max=20, help="Refuse a result whose residual is larger, px.")
    ] = 2.0,
    json_file: JsonFile = None,
) -> None:
    r"""Find where the camera is, from pictures of a ChArUco board.

    A camera on the hand sees a board that lies still; a fixed one sees a board that the hand holds. 15 pictures are
    good, from all sides, leaning by 30 degrees. poses.yaml has the board and, for each picture, the measured pose of
    the tip frame in the base frame (m; x, y, z, w):

    \b
    board: {squares: [7, 5], square: 0.03, marker: 0.022,
            dictionary: DICT_4X4_50}
    poses:
      01.png: {position: [0.4, 0.0, 0.3],
               orientation: [0.0, 0.13, 0.0, 0.99]}
    """
    from dataclasses import replace

    from qtopt_agent.cells.board_pictures import read_views
    from qtopt_agent.cells.calibration import calibrate
    from qtopt_agent.cells.cell_file import load_cell, write_cell

    before = load_cell(cell)
    views, left_out = read_views(folder, before.camera)
    found = calibrate(before.camera, views, left_out, max_residual)
    title = f"{cell}, its camera's pose from {len(views)} pictures of a board ({found.residual:.2f} px)."
    write_cell(replace(before, camera=found.camera), out, title, over)
    if printed_as_json(json_file, {"file": out, "left_out": left_out, **_result(found)}):
        return
    for name, reason in left_out.items():
        typer.echo(printable(f"left out: {name}: {reason}"))
    for line in (f"pictures: {len(views)} used, {len(left_out)} left out", *_report(found), f"cell:     {out}"):
        typer.echo(printable(line))


def _report(found: "Calibration") -> list[str]:
    worst = max(found.residuals, key=found.residuals.__getitem__)
    position, orientation = _fixed(found.camera.position, 4), _fixed(found.camera.orientation, 5)
    return [
        f"residual: {found.residual:.2f} px, largest in {worst}, {found.residuals[worst]:.2f} px",
        f"camera:   at {position} m, turned {orientation} (x, y, z, w)",
        f"sure to:  {_distance(found.position_deviation, found.angle_deviation)} (a standard deviation)",
        f"changed:  by {_distance(found.moved, found.turned)} from what the cell said",
        f"arm:      errs by {_distance(found.arm_position_error, found.arm_angle_error)} along and about each axis",
    ]


def _distance(metres: float, radians: float) -> str:
    return f"{1000 * metres:.2f} mm and {math.degrees(radians):.3f} degrees"


def _fixed(values: tuple[float, ...], digits: int) -> str:
    return ", ".join(f"{round(value, digits) + 0.0:.{digits}f}" for value in values)  # and never -0.0


def _result(found: "Calibration") -> dict[str, Any]:
    return {
        "position_m": found.camera.position,
        "orientation": found.camera.orientation,
        "residual_px": found.residual,
        "pictures": found.residuals,
        "position_deviation_mm": 1000 * found.position_deviation,
        "angle_deviation_degrees": math.degrees(found.angle_deviation),
        "arm_error_mm": 1000 * found.arm_position_error,
        "arm_error_degrees": math.degrees(found.arm_angle_error),
        "moved_mm": 1000 * found.moved,
        "turned_degrees": math.degrees(found.turned),
    }
